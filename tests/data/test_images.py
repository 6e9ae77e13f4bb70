from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from usvireid import names
from usvireid.data import images
from usvireid.data.crops import Crops
from usvireid.data.decoding import decode
from usvireid.data.images import BadImage, ImageStore, open_images
from usvireid.data.open import open_crops
from usvireid.errors import DataError, UsvireidError

Folders = Callable[..., Path]
Paint = Callable[..., Image.Image]
Encode = Callable[..., bytes]
H, W = 16, 8


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The contents that are decoded, one entry a call."""
    seen: list[bytes] = []

    def noted(content: bytes, height: int, width: int) -> np.ndarray:
        seen.append(content)
        return decode(content, height, width)

    monkeypatch.setattr(images, "decode", noted)
    return seen


def expected(crops: Crops, height: int = H, width: int = W) -> np.ndarray:
    return np.stack([decode(file.read_bytes(), height, width) for file in crops.files()])


def test_row_i_is_the_image_of_crop_i(two_folders: Folders, cache: Path) -> None:
    crops = open_crops(two_folders(40))
    kept, store, bad = open_images(crops, H, W, cache_dir=cache)
    assert kept.table.equals(crops.table)
    assert bad == []
    assert isinstance(store.images, np.memmap)
    assert store.images.dtype == np.uint8
    assert store.images.shape == (80, H, W, 3)
    assert len(store) == 80
    assert (store.images == expected(crops)).all()


def test_rows_can_be_read_without_keeping_them(two_folders: Folders, cache: Path) -> None:
    crops, store, _ = open_images(open_crops(two_folders(40)), H, W, cache_dir=cache)
    rows = np.array([5, 0, 79, 5])
    found = store.read(rows)
    assert type(found) is np.ndarray and found.flags.writeable and found.base is None
    assert (found == expected(crops)[rows]).all()


def test_images_cannot_be_written_to(two_folders: Folders, cache: Path) -> None:
    _, store, _ = open_images(open_crops(two_folders(1)), H, W, cache_dir=cache)
    with pytest.raises(ValueError, match="read-only"):
        store.images[0] = 0


def test_the_data_folder_is_left_alone(two_folders: Folders, cache: Path) -> None:
    root = two_folders(2)
    before = sorted((str(file), file.stat().st_mtime_ns) for file in [root, *root.rglob("*")])
    open_images(open_crops(root), H, W, cache_dir=cache)
    assert sorted((str(file), file.stat().st_mtime_ns) for file in [root, *root.rglob("*")]) == before


def test_the_second_call_decodes_nothing(two_folders: Folders, cache: Path, decoded: list[bytes]) -> None:
    crops = open_crops(two_folders(3))
    _, first, _ = open_images(crops, H, W, cache_dir=cache)
    assert len(decoded) == 6
    _, second, _ = open_images(crops, H, W, cache_dir=cache)
    assert len(decoded) == 6
    assert second.file == first.file


def test_a_copy_of_the_data_shares_the_cache(two_folders: Folders, cache: Path, decoded: list[bytes]) -> None:
    open_images(open_crops(two_folders(3)), H, W, cache_dir=cache)
    open_images(open_crops(two_folders(3, name="moved")), H, W, cache_dir=cache)
    assert len(decoded) == 6


def test_another_size_is_another_cache(two_folders: Folders, cache: Path) -> None:
    crops = open_crops(two_folders(2))
    _, small, _ = open_images(crops, H, W, cache_dir=cache)
    _, turned, _ = open_images(crops, W, H, cache_dir=cache)
    assert small.images.shape == (4, H, W, 3)
    assert (turned.images == expected(crops, W, H)).all()


def test_another_order_is_another_cache(two_folders: Folders, cache: Path) -> None:
    crops = open_crops(two_folders(2))
    open_images(crops, H, W, cache_dir=cache)
    turned = crops.take(np.array([3, 2, 1, 0]))
    _, store, _ = open_images(turned, H, W, cache_dir=cache)
    assert (store.images == expected(turned)).all()


def test_a_changed_image_of_equal_size_and_time_is_seen(two_folders: Folders, cache: Path, paint: Paint) -> None:
    root = two_folders(2)
    file = root / "visible/new.bmp"
    paint(50).save(file)
    open_images(open_crops(root), H, W, cache_dir=cache)
    before = file.stat()
    paint(51).save(file)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    crops = open_crops(root)
    _, store, _ = open_images(crops, H, W, cache_dir=cache)
    assert (store.images == expected(crops)).all()


def test_equal_files_have_a_row_each(two_folders: Folders, cache: Path) -> None:
    root = two_folders(2)
    (root / "visible/twin.jpg").write_bytes((root / "visible/000.jpg").read_bytes())
    crops = open_crops(root)
    _, store, _ = open_images(crops, H, W, cache_dir=cache)
    assert len(store) == 5
    assert (store.images == expected(crops)).all()


@pytest.fixture
def damaged(two_folders: Folders) -> Path:
    """Three good images of each modality, and bad ones of every kind."""
    root = two_folders(3)
    whole = (root / "visible/000.jpg").read_bytes()
    (root / "visible/0-cut.jpg").write_bytes(whole[: len(whole) * 9 // 10])
    (root / "visible/1-empty.jpg").write_bytes(b"")
    (root / "infrared/text.jpg").write_bytes(b"no image")
    (root / "infrared/lost.jpg").symlink_to(root / "gone.jpg")
    return root


def test_bad_images_are_left_out_and_named(damaged: Path, cache: Path, decoded: list[bytes]) -> None:
    crops = open_crops(damaged)
    results = [open_images(crops, H, W, cache_dir=cache) for _ in range(2)]
    assert len(decoded) == 9  # all that can be read, once
    for kept, store, bad in results:
        assert [image.path for image in bad] == [
            "visible/0-cut.jpg",
            "visible/1-empty.jpg",
            "infrared/lost.jpg",
            "infrared/text.jpg",
        ]
        assert "truncated" in bad[0].reason
        assert bad[1] == BadImage("visible/1-empty.jpg", "the file is empty")
        assert bad[2].reason == "cannot be read (No such file or directory)"
        assert kept.table.index.tolist() == list(range(6))
        assert (store.images == expected(kept)).all()


def test_strict(damaged: Path, cache: Path) -> None:
    with pytest.raises(DataError, match=r"visible/0-cut\.jpg: .*truncated.*; 4 of 10 images cannot be decoded"):
        open_images(open_crops(damaged), H, W, cache_dir=cache, strict=True)


def test_a_modality_without_a_good_image(two_folders: Folders, cache: Path) -> None:
    root = two_folders(2)
    for file in (root / "infrared").iterdir():
        file.write_bytes(b"")
    with pytest.raises(DataError, match=r"infrared/000\.jpg: the file is empty; none of the 2 infrared images"):
        open_images(open_crops(root), H, W, cache_dir=cache)


def test_nothing_can_be_read(two_folders: Folders, cache: Path) -> None:
    crops = open_crops(two_folders(1))
    for file in crops.files():
        file.unlink()
    with pytest.raises(DataError, match="none of the 1 visible images can be decoded"):
        open_images(crops, H, W, cache_dir=cache)


def test_one_modality_alone_may_be_opened(two_folders: Folders, cache: Path) -> None:
    crops = open_crops(two_folders(2))
    kept, store, _ = open_images(crops.take(crops.rows_of(names.INFRARED)), H, W, cache_dir=cache)
    assert len(kept) == len(store) == 2


def test_wrong_arguments(two_folders: Folders, cache: Path) -> None:
    crops = open_crops(two_folders(1))
    for these, height, width in ((crops.take(np.zeros(2, dtype=bool)), H, W), (crops, 0, W), (crops, H, -1)):
        with pytest.raises(ValueError, match="nothing to decode"):
            open_images(these, height, width, cache_dir=cache)


@pytest.mark.parametrize("block_images", [1, 7, 16, 1000])
def test_blocks_of_every_size(
    damaged: Path, cache: Path, block_images: int, monkeypatch: pytest.MonkeyPatch, paint: Paint
) -> None:
    for number in range(50):
        paint(100 + number).save(damaged / f"visible/more{number}.png")
    monkeypatch.setattr(images, "_BLOCK_BYTES", block_images * H * W * 3)
    monkeypatch.setattr(images, "_CHUNK", 3)
    kept, store, bad = open_images(open_crops(damaged), H, W, cache_dir=cache, workers=3)
    assert len(bad) == 4
    assert (store.images == expected(kept)).all()


def test_progress(two_folders: Folders, cache: Path) -> None:
    crops = open_crops(two_folders(40))
    seen: list[tuple[int, int]] = []
    open_images(crops, H, W, cache_dir=cache, progress=lambda *step: seen.append(step))
    assert seen == sorted(seen)
    assert seen[-1] == (80, 80)


class Stop(Exception):
    pass


def stop_after(images_done: int) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        if done >= images_done:
            raise Stop

    return progress


def test_an_interrupted_build_goes_on_and_is_never_used_half(
    two_folders: Folders, cache: Path, decoded: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "_BLOCK_BYTES", 16 * H * W * 3)
    crops = open_crops(two_folders(40))
    for point in (50, 60, 75):  # half of the way is reading, so these are 20, 40 and 70 decoded images
        with pytest.raises(Stop):
            open_images(crops, H, W, cache_dir=cache, progress=stop_after(point))
    _, store, _ = open_images(crops, H, W, cache_dir=cache)
    assert (store.images == expected(crops)).all()
    assert 80 <= len(decoded) <= 80 + 3 * 16


def test_what_stands_behind_the_journal_is_cut_off(
    two_folders: Folders, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "_BLOCK_BYTES", 16 * H * W * 3)
    crops = open_crops(two_folders(40))
    with pytest.raises(Stop):
        open_images(crops, H, W, cache_dir=cache, progress=stop_after(60))
    (pixels,) = cache.glob("*.rgb")
    with pixels.open("ab") as file:
        file.write(b"half an image")
    _, store, _ = open_images(crops, H, W, cache_dir=cache)
    assert (store.images == expected(crops)).all()


@pytest.mark.parametrize("what", ["pixels gone", "pixels cut", "journal gone", "journal cut", "journal odd"])
def test_a_damaged_cache_is_built_anew(two_folders: Folders, cache: Path, what: str) -> None:
    crops = open_crops(two_folders(20))
    open_images(crops, H, W, cache_dir=cache)
    (pixels,), (journal,) = cache.glob("*.rgb"), cache.glob("*.json")
    if what == "pixels gone":
        pixels.unlink()
    elif what == "pixels cut":
        pixels.write_bytes(pixels.read_bytes()[:-1])
    elif what == "journal gone":
        journal.unlink()
    elif what == "journal cut":
        journal.write_bytes(journal.read_bytes()[:-5])
    else:
        journal.write_text('{"format": 1, "total": 40, "done": 99, "bad": []}')
    _, store, _ = open_images(crops, H, W, cache_dir=cache)
    assert (store.images == expected(crops)).all()


def test_a_cache_of_another_format_is_not_used(
    two_folders: Folders, cache: Path, decoded: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    crops = open_crops(two_folders(2))
    open_images(crops, H, W, cache_dir=cache)
    monkeypatch.setattr(images, "_FORMAT", images._FORMAT + 1)
    open_images(crops, H, W, cache_dir=cache)
    assert len(decoded) == 8


BUILDER = """
import os, signal, sys
from pathlib import Path
from usvireid.data import images
from usvireid.data.open import open_crops

images._BLOCK_BYTES = 16 * 16 * 8 * 3
count = 0
decode = images.decode

def counted(*arguments):
    global count
    count += 1
    if count == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    return decode(*arguments)

images.decode = counted
_, store, _ = images.open_images(open_crops(Path(sys.argv[1])), 16, 8, cache_dir=Path(sys.argv[2]), workers=2)
print(count, int(store.images.sum()))
"""


def builder(root: Path, cache: Path, die_at: int = 0) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", BUILDER, str(root), str(cache), str(die_at)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def test_a_killed_build_goes_on(two_folders: Folders, cache: Path, decoded: list[bytes]) -> None:
    root = two_folders(40)
    with builder(root, cache, die_at=50) as killed:
        pass
    assert killed.returncode != 0
    crops = open_crops(root)
    _, store, _ = open_images(crops, H, W, cache_dir=cache)
    assert (store.images == expected(crops)).all()
    assert 80 - 50 <= len(decoded) <= 80 - 32  # two blocks of 16 at least had reached the disk


def test_two_builders_share_the_work(two_folders: Folders, cache: Path) -> None:
    root = two_folders(40)
    builders = [builder(root, cache) for _ in range(3)]
    outputs = [process.communicate(timeout=120)[0].split() for process in builders]
    assert [process.returncode for process in builders] == [0, 0, 0]
    assert sum(int(count) for count, _ in outputs) == 80
    assert {total for _, total in outputs} == {str(int(expected(open_crops(root)).sum()))}


def test_a_file_that_changes_while_it_is_read(
    two_folders: Folders, cache: Path, paint: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = two_folders(2)
    read = images.read_image_file

    def changing(file: Path) -> bytes:
        paint(99).save(file)
        return read(file)

    monkeypatch.setattr(images, "read_image_file", changing)
    with pytest.raises(DataError, match="the file changed while it was being read; run the same command again"):
        open_images(open_crops(root), H, W, cache_dir=cache)


def test_a_file_that_goes_while_it_is_read(two_folders: Folders, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(file: Path) -> bytes:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(images, "read_image_file", gone)
    with pytest.raises(DataError, match=r"cannot be read \(No such file or directory\) any more"):
        open_images(open_crops(two_folders(1)), H, W, cache_dir=cache)


def test_too_little_room(two_folders: Folders, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 100})()
    monkeypatch.setattr(images.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(
        UsvireidError, match=r"need 768 bytes and 100 bytes are free\. .*data\.cache=FOLDER, or set USVIREID_CACHE"
    ):
        open_images(open_crops(two_folders(1)), H, W, cache_dir=cache)


def test_a_disk_that_fills_up(two_folders: Folders, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(images.os, "fsync", full)
    with pytest.raises(UsvireidError, match=r"No space left on device.*USVIREID_CACHE"):
        open_images(open_crops(two_folders(1)), H, W, cache_dir=cache)


def test_a_cache_that_cannot_be_written(two_folders: Folders, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsvireidError, match=r"cannot be written.*USVIREID_CACHE"):
        open_images(open_crops(two_folders(1)), H, W, cache_dir=tmp_path / "file")


def test_the_cache_of_the_environment(two_folders: Folders, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USVIREID_CACHE", str(cache))
    _, store, _ = open_images(open_crops(two_folders(1)), H, W)
    assert store.file.parent == cache


def test_a_store_travels_as_a_file_name(two_folders: Folders, cache: Path) -> None:
    crops = open_crops(two_folders(30))
    _, store, _ = open_images(crops, 64, 32, cache_dir=cache)
    parcel = pickle.dumps(store)
    assert len(parcel) < 1000
    arrived = pickle.loads(parcel)
    assert isinstance(arrived, ImageStore)
    assert (arrived.images == store.images).all()


def test_odd_names(tmp_path: Path, cache: Path, encode: Encode, paint: Paint) -> None:
    paths = ["visible/日本 語.JPG", "visible/a,b.png", "infrared/'q\".webp"]
    for number, path in enumerate(paths):
        (tmp_path / "d" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "d" / path).write_bytes(encode(paint(number), "PNG"))
    crops = Crops.from_table(
        tmp_path / "d", pd.DataFrame({"path": paths, "modality": ["visible", "visible", "infrared"]}), "t"
    )
    _, store, bad = open_images(crops, H, W, cache_dir=cache)
    assert bad == []
    assert (store.images == expected(crops)).all()
