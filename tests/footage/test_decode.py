import threading
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.footage.clips import RATE, write_video
from usvireid.errors import DataError, UsageError
from usvireid.footage.decode import Outcome, Reading, decoded
from usvireid.footage.frames import Frame
from usvireid.footage.probe import open_video, probe

SIZE = (64, 96)


def numbered(count: int, size: tuple[int, int] = SIZE) -> Iterator[np.ndarray]:
    """Grey frames that tell their number: brightness 2 x number, with a white corner at the top left."""
    for number in range(count):
        picture = np.full((*size, 3), 40 + 2 * (number % 90), np.uint8)
        picture[:16, :16] = 255
        yield picture


def read(path: Path, **changes: Any) -> tuple[list[Frame], Outcome]:
    with decoded(path, Reading(probe(path), **changes)) as footage:
        frames = list(footage)
    return frames, footage.outcome


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for suffix, codec in (("avi", "mpeg4"), ("mkv", "mpeg4"), ("mp4", "mpeg4"), ("ts", "mpeg2video")):
        rate = 25 if codec == "mpeg2video" else RATE
        write_video(folder / f"plain.{suffix}", numbered(60), codec=codec, rate=rate)
    return folder


@pytest.mark.parametrize("suffix", ["avi", "mkv", "mp4", "ts"])
def test_every_frame_comes_once_in_order_with_its_time(videos: Path, suffix: str) -> None:
    facts = probe(videos / f"plain.{suffix}")
    frames, outcome = read(videos / f"plain.{suffix}")
    rate = 25 if suffix == "ts" else RATE
    assert (facts.width, facts.height, facts.frame_rate, facts.frames) == (96, 64, rate, 60)
    assert [frame.number for frame in frames] == list(range(60))
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(60) / rate, atol=0.002)
    np.testing.assert_allclose([frame.image[40:, 40:].mean() for frame in frames], 40 + 2 * np.arange(60), atol=6)
    assert outcome == Outcome(frames=60, seconds=pytest.approx(60 / rate, abs=0.01))


def test_only_each_nth_frame_is_shown_and_all_are_counted(videos: Path) -> None:
    frames, outcome = read(videos / "plain.avi", every=7)
    assert [frame.number for frame in frames] == list(range(0, 60, 7))
    assert outcome.frames == 60


def test_a_given_frame_rate_outranks_the_stamps(videos: Path) -> None:
    frames, outcome = read(videos / "plain.avi", frame_rate=5.0)
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(60) / 5)
    assert (outcome.seconds, outcome.missing) == (pytest.approx(12.0), 0)


def test_a_variable_frame_rate_goes_by_the_stamps(tmp_path: Path) -> None:
    stamps = np.cumsum([1, 1, 1, 6, 1, 1, 9, 1] * 5).tolist()
    write_video(tmp_path / "uneven.mkv", numbered(40), stamps=stamps)
    frames, outcome = read(tmp_path / "uneven.mkv")
    np.testing.assert_allclose([frame.time for frame in frames], (np.array(stamps) - 1) / RATE, atol=0.002)
    assert outcome.uneven
    assert not read_even(tmp_path)


def read_even(tmp_path: Path) -> bool:
    write_video(tmp_path / "even.mkv", numbered(20))
    return read(tmp_path / "even.mkv")[1].uneven


@pytest.mark.parametrize(("rotation", "corner"), [(90, (-1, 0)), (180, (-1, -1)), (-90, (0, -1))])
def test_pictures_are_turned_upright(tmp_path: Path, rotation: int, corner: tuple[int, int]) -> None:
    write_video(tmp_path / "turned.mp4", numbered(5), rotation=rotation)
    facts = probe(tmp_path / "turned.mp4")
    frames, _ = read(tmp_path / "turned.mp4")
    assert facts.rotation == rotation % 360
    assert (facts.width, facts.height) == ((64, 96) if rotation % 180 else (96, 64))
    assert frames[0].image.shape == (facts.height, facts.width, 3)
    assert frames[0].image[corner].min() > 200
    others = {(0, 0), (-1, 0), (0, -1), (-1, -1)} - {corner}
    assert all(frames[0].image[other].max() < 100 for other in others)


def combed(count: int) -> Iterator[np.ndarray]:
    """A bar that moves between the two fields of a frame."""
    for number in range(count):
        picture = np.full((*SIZE, 3), 40, np.uint8)
        picture[::2, 4 * number : 4 * number + 20] = 220
        picture[1::2, 4 * number + 10 : 4 * number + 30] = 220
        yield picture


def combs(image: np.ndarray) -> float:
    """How much neighbouring rows differ."""
    return float(np.abs(np.diff(image[..., 1].astype(int), axis=0)).mean())


def test_interlaced_frames_become_whole_pictures(tmp_path: Path) -> None:
    path = tmp_path / "fields.ts"
    write_video(path, combed(15), codec="mpeg2video", rate=25, options={"flags": "+ilme+ildct"})
    assert probe(path).interlaced
    left, plain = read(path, deinterlace="never")
    frames, outcome = read(path)
    assert (len(left), plain.deinterlaced) == (15, 0)
    assert (len(frames), outcome.deinterlaced, outcome.frames) == (15, 15, 15)
    assert combs(frames[7].image) < 0.5 * combs(left[7].image)
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(15) / 25, atol=0.002)


def test_frames_not_marked_as_interlaced_are_told_to_be(tmp_path: Path) -> None:
    write_video(tmp_path / "unmarked.mkv", combed(15), codec="ffv1")
    left, _ = read(tmp_path / "unmarked.mkv")
    frames, _ = read(tmp_path / "unmarked.mkv", deinterlace="always")
    assert combs(frames[7].image) < 0.5 * combs(left[7].image)


@pytest.mark.parametrize("suffix", ["avi", "mkv"])
def test_a_file_that_is_cut_off_loses_its_tail_only_and_says_so(videos: Path, tmp_path: Path, suffix: str) -> None:
    content = (videos / f"plain.{suffix}").read_bytes()
    (tmp_path / f"cut.{suffix}").write_bytes(content[: len(content) * 6 // 10])
    whole, _ = read(videos / f"plain.{suffix}")
    frames, outcome = read(tmp_path / f"cut.{suffix}")
    assert 15 < len(frames) < 50
    assert all(np.array_equal(a.image, b.image) for a, b in zip(frames, whole, strict=False))
    assert outcome.missing == pytest.approx(6.0 - outcome.seconds, abs=0.01)
    again, same = read(tmp_path / f"cut.{suffix}")
    assert same == outcome
    assert all(np.array_equal(a.image, b.image) for a, b in zip(frames, again, strict=True))


def test_damage_in_the_middle_is_left_out_and_counted(tmp_path: Path) -> None:
    write_video(tmp_path / "hurt.mkv", numbered(60, (240, 320)), codec="mjpeg", options={"strict": "-1"})
    content = bytearray((tmp_path / "hurt.mkv").read_bytes())
    at = content.find(b"\xff\xd8\xff", len(content) // 2)
    content[at : at + 400] = bytes(400)
    (tmp_path / "hurt.mkv").write_bytes(content)
    frames, outcome = read(tmp_path / "hurt.mkv")
    assert 50 <= len(frames) < 60
    assert outcome.damaged >= 1
    assert outcome.first_damage == pytest.approx(3.0, abs=0.5)
    assert outcome.seconds == pytest.approx(6.0, abs=0.2)


def test_what_is_no_video_is_one_clear_line(videos: Path, tmp_path: Path) -> None:
    cases: dict[str, tuple[type[Exception], str]] = {}

    def case(name: str, content: bytes | None, kind: type[Exception], words: str) -> None:
        if content is not None:
            (tmp_path / name).write_bytes(content)
        cases[name] = kind, words

    case("gone.mp4", None, UsageError, "no such file")
    (tmp_path / "folder.mp4").mkdir()
    case("folder.mp4", None, UsageError, "a folder; name the videos in it")
    case("empty.mp4", b"", DataError, "the file is empty")
    case("noise.mp4", np.random.default_rng(0).bytes(5000), DataError, "not a video")
    case("text.txt", b"hello\n" * 200, DataError, "not a video but a text")
    whole = (videos / "plain.mp4").read_bytes()
    case("cut.mp4", whole[: len(whole) // 2], DataError, "cut off before its index was written")
    from PIL import Image

    Image.new("RGB", (40, 30)).save(tmp_path / "picture.png")
    case("picture.png", None, DataError, "not a video but a picture")
    with wave.open(str(tmp_path / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(4000))
    case("sound.wav", None, DataError, "sound but no pictures")
    avi = (videos / "plain.avi").read_bytes()
    case("header.avi", avi[: avi.find(b"movi") + 4], DataError, "no frame that can be decoded")
    for name, (kind, words) in cases.items():
        with pytest.raises(kind, match=words) as raised:
            probe(tmp_path / name)
        assert type(raised.value) is kind
        assert str(raised.value).startswith(str(tmp_path / name))
        assert "\n" not in str(raised.value)


def test_a_name_with_a_colon_is_a_file(videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "http:a.avi").write_bytes((videos / "plain.avi").read_bytes())
    monkeypatch.chdir(tmp_path)
    container, _ = open_video(Path("http:a.avi"))
    container.close()


def test_nobody_waits_for_a_decoder_that_is_not_wanted_any_more(videos: Path) -> None:
    before = threading.active_count()
    with decoded(videos / "plain.avi", Reading(probe(videos / "plain.avi"))) as footage:
        next(iter(footage))
    assert threading.active_count() == before


def test_errors_of_the_decoder_reach_the_caller(videos: Path, tmp_path: Path) -> None:
    reading = Reading(probe(videos / "plain.avi"))
    with pytest.raises(UsageError, match="no such file"), decoded(tmp_path / "gone.avi", reading) as footage:
        list(footage)
