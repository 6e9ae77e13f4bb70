import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from usvireid.config import IcgSettings
from usvireid.losses.icg import identity_clues

FORMS = ("sample-centre", "centre-triplet", "sample-triplet")
TARGETS = ("other", "joint")


def settings(**given: object) -> IcgSettings:
    return IcgSettings(**given)  # type: ignore[arg-type]


def distance(one: list[float], other: list[float]) -> float:
    return math.sqrt(sum((a - b) ** 2 for a, b in zip(one, other, strict=True)))


def mean(rows: list[list[float]]) -> list[float]:
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]


def plain(pooled: dict[str, Tensor], identities: dict[str, Tensor], form: IcgSettings) -> float:
    """The formulas, crop by crop and identity by identity."""
    crops = []
    for modality, values in pooled.items():
        for value, number in zip(values.tolist(), identities[modality].tolist(), strict=True):
            length = math.sqrt(sum(v * v for v in value))
            crops.append((modality, number, [v / length for v in value] if form.normalised else value))
    both = sorted({n for m, n, _ in crops if m == "visible"} & {n for m, n, _ in crops if m == "infrared"})
    if not both:
        return 0.0
    centre = {
        (modality, number): mean([value for m, n, value in crops if (m, n) == (modality, number)])
        for modality in ("visible", "infrared")
        for number in both
    }
    joint = {number: mean([centre["visible", number], centre["infrared", number]]) for number in both}
    other = {"visible": "infrared", "infrared": "visible"}

    def target(modality: str, number: int) -> list[float]:
        return joint[number] if form.target == "joint" else centre[other[modality], number]

    def hinge(value: list[float], modality: str, number: int) -> float:
        rest = [distance(value, target(modality, q)) for q in both if q != number]
        return max(0.0, distance(value, target(modality, number)) - min(rest) + form.margin) if rest else 0.0

    kept = [crop for crop in crops if crop[1] in both]
    if form.form == "sample-centre":
        pull = [max(0.0, distance(value, target(m, n)) - form.rho1) for m, n, value in kept]
        push = [max(0.0, form.rho2 - distance(joint[p], joint[q])) for i, p in enumerate(both) for q in both[i + 1 :]]
        return sum(pull) / len(pull) + (sum(push) / len(push) if push else 0.0)
    if form.form == "sample-triplet":
        return sum(hinge(value, m, n) for m, n, value in kept) / len(kept)
    hinges = [hinge(centre[m, n], m, n) for m in ("visible", "infrared") for n in both]
    return sum(hinges) / len(hinges)


def batch(
    seed: int, visible: int, infrared: int, people: int, width: int = 5
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    pooled = {
        "visible": torch.randn(visible, width, generator=generator),
        "infrared": torch.randn(infrared, width, generator=generator),
    }
    identities = {
        name: torch.randint(0, people, (len(values),), generator=generator) for name, values in pooled.items()
    }
    return pooled, identities


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("normalised", [False, True])
@given(seed=st.integers(0, 1000), visible=st.integers(1, 9), infrared=st.integers(1, 9), people=st.integers(1, 6))
def test_every_form_equals_plain_loops(
    form: str, target: str, normalised: bool, seed: int, visible: int, infrared: int, people: int
) -> None:
    pooled, identities = batch(seed, visible, infrared, people)
    chosen = settings(form=form, target=target, normalised=normalised)
    found = identity_clues(pooled, identities, chosen)
    assert float(found.loss) == pytest.approx(plain(pooled, identities, chosen), abs=1e-5)


@pytest.mark.parametrize("target", TARGETS)
def test_it_is_0_when_all_sit_on_their_centres_and_centres_are_far_apart(target: str) -> None:
    centres = torch.eye(3) * 2
    identities = {name: torch.tensor([0, 0, 1, 2]) for name in ("visible", "infrared")}
    pooled = {name: centres[number] for name, number in identities.items()}
    found = identity_clues(pooled, identities, settings(target=target))
    assert float(found.loss) == 0
    assert float(found.pull) == 0
    assert float(found.push) == pytest.approx(math.sqrt(8))


def test_it_is_rho2_when_all_features_coincide() -> None:
    identities = {name: torch.tensor([0, 0, 1, 2]) for name in ("visible", "infrared")}
    pooled = {name: torch.full((4, 6), 0.3, requires_grad=True) for name in identities}
    found = identity_clues(pooled, identities, settings(rho2=0.7))
    assert float(found.loss) == pytest.approx(0.7)
    found.loss.backward()
    assert all(values.grad is not None and values.grad.isfinite().all() for values in pooled.values())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("target", TARGETS)
def test_neither_order_nor_the_names_of_the_modalities_matter(form: str, target: str) -> None:
    pooled, identities = batch(3, 8, 6, 3)
    chosen = settings(form=form, target=target)
    expected = float(identity_clues(pooled, identities, chosen).loss)
    order = {name: torch.randperm(len(values)) for name, values in pooled.items()}
    shuffled = identity_clues(
        {name: values[order[name]] for name, values in pooled.items()},
        {name: values[order[name]] for name, values in identities.items()},
        chosen,
    )
    swapped = identity_clues(
        {"visible": pooled["infrared"], "infrared": pooled["visible"]},
        {"visible": identities["infrared"], "infrared": identities["visible"]},
        chosen,
    )
    assert float(shuffled.loss) == pytest.approx(expected, abs=1e-6)
    assert float(swapped.loss) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_a_gradient_reaches_both_modalities(form: str) -> None:
    pooled, identities = batch(0, 8, 8, 3)
    for values in pooled.values():
        values.requires_grad_()
    identity_clues(pooled, identities, settings(form=form, margin=5.0)).loss.backward()
    for values in pooled.values():
        assert values.grad is not None
        assert values.grad.abs().max() > 0


@pytest.mark.parametrize("form", FORMS)
def test_nothing_to_act_on_is_0_and_never_nan(form: str) -> None:
    pooled, _ = batch(0, 4, 4, 3)
    pooled = {name: values.requires_grad_() for name, values in pooled.items()}
    apart = {"visible": torch.tensor([0, 0, 1, 1]), "infrared": torch.tensor([2, 2, 3, 3])}
    for values, identities in ((pooled, apart), ({"visible": pooled["visible"]}, {"visible": apart["visible"]})):
        found = identity_clues(values, identities, settings(form=form))
        assert found.loss.item() == 0
        found.loss.backward()
        for tensor in values.values():
            assert tensor.grad is not None
            assert not tensor.grad.any()
            tensor.grad = None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_features_are_measured_in_float32(dtype: torch.dtype) -> None:
    pooled, identities = batch(1, 6, 6, 2)
    halves = {name: values.to(dtype) for name, values in pooled.items()}
    expected = identity_clues({name: values.float() for name, values in halves.items()}, identities, settings())
    with torch.autocast("cpu", dtype=dtype):
        found = identity_clues(halves, identities, settings())
    assert found.loss.dtype == torch.float32
    assert torch.equal(found.loss, expected.loss)
