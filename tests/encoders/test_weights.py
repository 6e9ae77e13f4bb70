import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from usvireid.encoders.dual_stream import DualStreamEncoder
from usvireid.errors import DataError


def plain_resnet(name: str, seed: int = 9) -> dict[str, torch.Tensor]:
    """A state dict with torchvision's keys, classifier included."""
    encoder = DualStreamEncoder(name, seed=seed)
    weights = {**encoder.stems["visible"].state_dict(), **encoder.trunk.state_dict()}
    return {**weights, "fc.weight": torch.zeros(1000, encoder.width), "fc.bias": torch.zeros(1000)}


@pytest.mark.parametrize("prefix", ["", "module.pre.", "backbone."])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_load_under_any_prefix_into_both_stems(tmp_path: Path, prefix: str, suffix: str) -> None:
    source = plain_resnet("resnet18")
    prefixed = {prefix + key: value for key, value in source.items()}
    path = tmp_path / f"weights{suffix}"
    save_file(prefixed, path) if suffix == ".safetensors" else torch.save({"state_dict": prefixed}, path)
    encoder = DualStreamEncoder("resnet18", seed=0)
    encoder.load_weights(path)
    for modality in ("visible", "infrared"):
        assert torch.equal(encoder.stems[modality].conv1.weight, source["conv1.weight"])
    assert torch.equal(encoder.trunk.state_dict()["layer4.1.bn2.weight"], source["layer4.1.bn2.weight"])
    assert torch.equal(
        encoder.trunk.state_dict()["layer2.0.downsample.0.weight"], source["layer2.0.downsample.0.weight"]
    )


def test_weights_of_another_network_are_named(tmp_path: Path) -> None:
    path = tmp_path / "r50.pth"
    torch.save(plain_resnet("resnet50"), path)
    with pytest.raises(
        DataError, match=r"r50\.pth: tensor 'layer1.0.conv1.weight' is 64 x 64 x 1 x 1, the encoder needs"
    ):
        DualStreamEncoder("resnet18").load_weights(path)


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "nan.pth"
    weights = plain_resnet("resnet18")
    weights["layer2.0.conv1.weight"][0, 0] = float("nan")
    torch.save(weights, path)
    with pytest.raises(DataError, match=r"nan\.pth: tensor 'layer2.0.conv1.weight' has numbers that are not finite"):
        DualStreamEncoder("resnet18").load_weights(path)


def test_a_deeper_network_of_the_same_widths_is_refused(tmp_path: Path) -> None:
    source = plain_resnet("resnet18")
    source["layer3.2.conv1.weight"] = torch.zeros(256, 256, 3, 3)
    path = tmp_path / "deeper.pth"
    torch.save(source, path)
    with pytest.raises(DataError, match=r"layer3\.2\.conv1\.weight.*no place"):
        DualStreamEncoder("resnet18").load_weights(path)


def test_what_is_no_file_of_weights_is_refused(tmp_path: Path) -> None:
    encoder = DualStreamEncoder("resnet18")
    text = tmp_path / "text.pth"
    text.write_text("a file")
    empty = tmp_path / "empty.safetensors"
    empty.touch()
    other = tmp_path / "other.pth"
    torch.save({"a": torch.zeros(1)}, other)
    number = tmp_path / "number.pth"
    torch.save(3, number)
    for path, reason in (
        (text, "give a state dict"),
        (empty, "give a state dict"),
        (other, "no ResNet"),
        (number, "no state dict"),
    ):
        with pytest.raises(DataError, match=reason):
            encoder.load_weights(path)
    with pytest.raises(DataError, match="no such weights file"):
        encoder.load_weights(tmp_path / "none.pth")


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (exec, ("raise SystemExit('ran')",))

    path = tmp_path / "evil.pth"
    torch.save({"layer1.0.conv1.weight": Evil()}, path)
    with pytest.raises(
        DataError, match=r"holds Python objects beside the tensors.*save the network's state dict alone"
    ):
        DualStreamEncoder("resnet18").load_weights(path)


def test_pickles_and_cut_files_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(plain_resnet("resnet18"), path)
    whole = path.read_bytes()
    for content in (
        pickle.dumps({"a": 1}),
        pickle.dumps(Path("x"))[:-5],
        whole[: len(whole) // 2],
        whole[:30],
        b"\x80",
    ):
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            DualStreamEncoder("resnet18").load_weights(path)
        assert "state dict" in str(caught.value) or "no ResNet" in str(caught.value)
        assert "\n" not in str(caught.value)
