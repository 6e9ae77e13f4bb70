from datetime import UTC, datetime
from pathlib import Path

import pytest

from usvireid.errors import UsageError
from usvireid.footage.cameras import Recording, recordings_of


@pytest.fixture
def videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a2.mp4", "a10.mp4", "b/1.avi", "b/c/2.avi", "mask.png", "boxes.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def listed(text: str, *videos: str, **settings: object) -> list[Recording]:
    Path("list.yaml").write_text(text)
    return recordings_of(["list.yaml", *videos], {}, settings)


def test_patterns_are_resolved_with_numbers_in_order(videos: Path) -> None:
    found = recordings_of(["a*.mp4", "b/**/*.avi"], {"name": "gate"}, {})
    assert [recording.path for recording in found] == [
        videos / name for name in ("a2.mp4", "a10.mp4", "b/1.avi", "b/c/2.avi")
    ]
    assert {(recording.camera, recording.modality, recording.start) for recording in found} == {("gate", "auto", None)}


def test_the_first_video_has_the_start(videos: Path) -> None:
    start = datetime(2026, 3, 1, 8, tzinfo=UTC).timestamp()
    for text in ("2026-03-01T08:00:00", "2026-03-01 09:00:00+01:00", "2026-03-01T08:00:00Z"):
        found = recordings_of(["a2.mp4", "a10.mp4"], {"name": "gate", "start": text}, {})
        assert [recording.start for recording in found] == [start, None]
    with pytest.raises(UsageError, match="start 'noon' is no time; write it as"):
        recordings_of(["a2.mp4"], {"name": "gate", "start": "noon"}, {})


def test_a_list_of_cameras(videos: Path) -> None:
    found = listed(
        """
settings: {every: 2, choosing: {crops: 4}}
cameras:
  - name: gate
    modality: visible
    start: 2026-03-01T08:00:00
    videos: ["a*.mp4"]
    region: mask.png
    detector: boxes:boxes.csv
  - name: 7
    videos:
      - {file: b/1.avi, start: 2026-03-02}
      - b/c/2.avi
    choosing: {least_height: 30}
""",
        every=3,
    )
    gate, _, first, second = found
    assert (gate.camera, gate.modality, gate.region) == ("gate", "visible", videos / "mask.png")
    assert gate.detector == f"boxes:{videos / 'boxes.csv'}"
    assert gate.start == datetime(2026, 3, 1, 8, tzinfo=UTC).timestamp()
    assert (first.camera, first.modality, first.region, first.detector) == ("7", "auto", None, "motion")
    assert (first.start, second.start) == (datetime(2026, 3, 2, tzinfo=UTC).timestamp(), None)
    assert [recording.settings.every for recording in found] == [3] * 4
    assert [recording.settings.choosing.crops for recording in found] == [4] * 4
    assert [recording.settings.choosing.least_height for recording in found] == [48, 48, 30, 30]


def test_cameras_of_a_rig(videos: Path) -> None:
    found = listed("cameras: [{name: x, videos: a2.mp4, rig: gate}, {name: y, videos: b/1.avi, rig: 7}]")
    assert [recording.rig for recording in found] == ["gate", "7"]
    assert recordings_of(["a2.mp4"], {"name": "x", "rig": "gate"}, {})[0].rig == "gate"
    assert recordings_of(["a2.mp4"], {"name": "x"}, {})[0].rig is None


def test_paths_of_a_list_start_at_it(videos: Path) -> None:
    Path("sub").mkdir()
    Path("sub/list.yml").write_text("cameras: [{name: x, videos: ../a2.mp4, detector: 'onnx:m.onnx'}]")
    (found,) = recordings_of(["sub/list.yml"], {}, {})
    assert found.path.samefile("a2.mp4")
    assert found.detector == f"onnx:{videos / 'sub' / 'm.onnx'}"


def test_the_detector_is_told_the_name_of_the_video(videos: Path) -> None:
    found = recordings_of(["a*.mp4"], {"name": "x"}, {"detector": "boxes:truth/{video}.csv"})
    assert [Path(recording.detector).name for recording in found] == ["a2.csv", "a10.csv"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cameras: []", "no cameras"),
        ("camera: []", "unknown 'camera'"),
        ("cameras: [x]", "camera 1 is no mapping"),
        ("cameras: [{videos: a2.mp4}]", "camera 1: no name; a camera's name begins"),
        ("cameras: [{name: ../x, videos: a2.mp4}]", "the name '../x'"),
        ("cameras: [{name: x}]", "camera x: no videos"),
        ("cameras: [{name: x, videos: gone.mp4}]", "gone.mp4: no such file"),
        ("cameras: [{name: x, videos: 'gone*.mp4'}]", "no file matches"),
        ("cameras: [{name: x, videos: [{fil: a2.mp4}]}]", "not 'fil'"),
        ("cameras: [{name: x, videos: a2.mp4, modality: sonar}]", "modality 'sonar' is none of visible"),
        ("cameras: [{name: x, videos: a2.mp4, start: 8}]", "start '8' is no time"),
        ("cameras: [{name: x, videos: a2.mp4, evry: 2}]", "unknown setting 'evry'; did you mean 'every'"),
        ("cameras: [{name: x, videos: a2.mp4, every: 0}]", "camera x: setting every: .*greater than or equal to 1"),
        ("cameras: [{name: x, videos: a2.mp4, region: 3}]", "region is the path"),
        ("cameras: [{name: x, videos: a2.mp4, rig: a/b}]", "camera x: the name 'a/b'; a rig's name begins"),
        ("cameras: [{name: x, videos: 'a**/*.mp4'}]", "not a pattern; .* stands alone"),
        ("cameras: [{name: x, videos: ~nobody-here/a.mp4}]", "~nobody-here/a.mp4: there is no such home folder"),
        ("cameras: [{name: x, videos: a2.mp4, region: ~nobody-here/a.png}]", "there is no such home folder"),
        ("cameras: [{name: x, videos: a2.mp4, detector: 'onnx:~nobody-here/a'}]", "there is no such home folder"),
        ("settings: 3\ncameras: [{name: x, videos: a2.mp4}]", "'settings' is a group"),
    ],
)
def test_what_is_wrong_in_a_list_is_named(videos: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as raised:
        listed(text)
    assert "\n" not in str(raised.value)


def test_what_cannot_be_told_together(videos: Path) -> None:
    Path("list.yaml").write_text("cameras: [{name: x, videos: a2.mp4}]")
    with pytest.raises(UsageError, match="--camera NAME"):
        recordings_of(["a2.mp4"], {}, {})
    with pytest.raises(UsageError, match="lists cameras; name the other videos in it"):
        recordings_of(["list.yaml", "a2.mp4"], {}, {})
    with pytest.raises(UsageError, match="--modality stands beside"):
        recordings_of(["list.yaml"], {"modality": "visible"}, {})
    with pytest.raises(UsageError, match=r"command line: setting quality"):
        recordings_of(["list.yaml"], {}, {"quality": 3})
