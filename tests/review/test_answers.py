"""The file of answers: what is written is read back, whatever happens to the process that writes."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usvireid.clustering.constraints import Constraints, ConstraintsBuilder
from usvireid.data.crops import Crops
from usvireid.errors import DataError, UsvireidError
from usvireid.review.answer import Answer, standing
from usvireid.review.answers import StaleAnswer, add_answers, append_answer, mend, read_answers, set_aside

NASTY = [
    '<script>alert("1")</script>.png',
    "a,b'c\"d.png",
    "line\nfeed\r\n.png",
    "é" * 300,
    "\u2028\x00\x85.png",
    " , ",
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "reviews.csv"


def four(file: Path) -> list[Answer]:
    return [
        append_answer(file, "same", ["a", "b"], ["c"]),
        append_answer(file, "different", ["a"], ["d"]),
        append_answer(file, "junk", ["e"]),
        append_answer(file, "undo", undoes=2),
    ]


def test_no_file_means_no_answers(file: Path) -> None:
    assert read_answers(file) == []
    assert mend(file) == b""
    assert not file.exists()


def test_what_is_written_is_read(file: Path) -> None:
    written = four(file)
    assert read_answers(file) == written
    assert file.read_text().startswith("number,time,action,first,second,undoes\n")


def test_hostile_names_come_back_and_an_answer_is_one_line(file: Path) -> None:
    append_answer(file, "same", NASTY)
    assert read_answers(file)[0].first == tuple(NASTY)
    assert file.read_bytes().count(b"\n") == 2


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=2, max_size=6, unique=True))
def test_any_names_come_back(tmp_path_factory: pytest.TempPathFactory, paths: list[str]) -> None:
    file = tmp_path_factory.mktemp("any") / "reviews.csv"
    append_answer(file, "different", paths[:1], paths[1:])
    assert read_answers(file)[0].crops == tuple(paths)


def test_a_side_larger_than_the_csv_module_reads(file: Path) -> None:
    paths = [f"visible/{number:07d}.png" for number in range(12_000)]
    append_answer(file, "same", paths)
    assert read_answers(file)[0].first == tuple(paths)


def test_an_undo_takes_an_answer_back_and_an_undo_of_it_brings_it_again(file: Path) -> None:
    four(file)
    assert [answer.number for answer in standing(read_answers(file))] == [1, 3]
    append_answer(file, "undo", undoes=4)
    assert [answer.number for answer in standing(read_answers(file))] == [1, 2, 3]
    append_answer(file, "undo", undoes=5)
    assert [answer.number for answer in standing(read_answers(file))] == [1, 3]


def test_what_is_undone_cannot_be_undone_again(file: Path) -> None:
    four(file)
    with pytest.raises(ValueError, match="undone already"):
        append_answer(file, "undo", undoes=2)
    assert len(read_answers(file)) == 4


@pytest.mark.parametrize(
    ("action", "first", "second", "undoes"),
    [
        ("sane", ["a", "b"], [], None),
        ("same", ["a"], [], None),
        ("same", [], ["a", "b"], None),
        ("same", ["a", "b", "a"], [], None),
        ("different", ["a"], [], None),
        ("different", ["a"], ["a"], None),
        ("apart", ["a"], [], None),
        ("junk", [], [], None),
        ("junk", ["a"], ["b"], None),
        ("undo", [], [], None),
        ("undo", ["a"], [], 1),
        ("same", ["a", "b"], [], 1),
        ("undo", [], [], 9),
    ],
)
def test_what_is_no_answer_is_refused(
    file: Path, action: str, first: list[str], second: list[str], undoes: int | None
) -> None:
    append_answer(file, "same", ["x", "y"])
    with pytest.raises(ValueError, match=r".+"):
        append_answer(file, action, first, second, undoes=undoes)
    assert len(read_answers(file)) == 1


def test_an_answer_to_an_old_page_is_refused(file: Path) -> None:
    append_answer(file, "same", ["a", "b"], after=0)
    with pytest.raises(StaleAnswer, match="the last answer is 1, not 0"):
        append_answer(file, "junk", ["c"], after=0)
    append_answer(file, "junk", ["c"], after=1)
    assert [answer.action for answer in read_answers(file)] == ["same", "junk"]


def test_cut_off_anywhere_the_whole_lines_are_read_and_the_rest_is_set_aside(file: Path) -> None:
    four(file)
    whole, answers = file.read_bytes(), read_answers(file)
    ends = [place + 1 for place, byte in enumerate(whole) if byte == ord("\n")]
    for size in range(len(whole)):
        set_aside(file).unlink(missing_ok=True)
        file.write_bytes(whole[:size])
        said: list[str] = []
        read = read_answers(file, said.append)
        complete = sum(end <= size for end in ends[1:])
        nearly = size + 1 in ends[1:]  # lacks no more than the line feed
        assert complete <= len(read) <= complete + 1, size
        assert read == answers[: len(read)], size
        assert len(read) == complete + 1 if nearly else True
        torn = size not in ends and size > ends[0] and len(read) == complete
        assert bool(said) == torn, size
        added = append_answer(file, "junk", ["z"])
        assert read_answers(file) == [*read, added], size
        assert set_aside(file).exists() == torn
        if torn:
            assert set_aside(file).read_bytes() == whole[ends[complete] : size] + b"\n"


def test_mending_says_what_was_cut_off(file: Path) -> None:
    answers = four(file)
    file.write_bytes(file.read_bytes()[:-3])
    assert mend(file).startswith(b'"4",')
    assert mend(file) == b""
    assert read_answers(file) == answers[:3]


def test_a_table_that_a_spreadsheet_saved_is_read(file: Path) -> None:
    answers = four(file)
    text = file.read_text().replace('"1","2', '1,"2').replace('""\n', "\n").replace("\n", "\r\n")
    file.write_bytes(b"\xef\xbb\xbf" + text.rstrip().encode())
    assert read_answers(file) == answers
    append_answer(file, "junk", ["f"])
    assert len(read_answers(file)) == 5


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('5,t,same,"[""a""]"', "line 3: no answer"),
        ('5,t,same,"[""a"", 7]",[],', "line 3: no answer .a side is not a list of paths"),
        ('5,t,undo,[],[],"4"', "line 3: undoes answer 4, which is not there"),
        ('1,t,junk,"[""a""]",[],', "line 3: the number 1 follows 1"),
        ('x,t,junk,"[""a""]",[],', "line 3: no answer"),
        ('5,t,junk,"["a"]",[],', "line 3: no answer .not CSV"),
    ],
)
def test_a_line_that_is_no_answer_is_named(file: Path, line: str, message: str) -> None:
    append_answer(file, "same", ["a", "b"])
    file.write_text(file.read_text() + line + '\n"6","t","junk","[""q""]","[]",""\n')
    with pytest.raises(DataError, match=message):
        read_answers(file)
    with pytest.raises(DataError, match=message):
        append_answer(file, "junk", ["c"])


def test_another_table_is_refused(file: Path) -> None:
    file.write_text("path,identity\na,1\n")
    with pytest.raises(DataError, match="line 1: not the header"):
        append_answer(file, "junk", ["c"])


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsvireidError, match="cannot be written"):
        append_answer(tmp_path / "no" / "reviews.csv", "junk", ["c"])


def test_a_full_disk_leaves_the_file_as_it_was(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers, written, write = four(file), file.read_bytes(), os.write

    def half(descriptor: int, line: bytes) -> int:
        if line.startswith(b'"5"'):
            return write(descriptor, line[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(UsvireidError, match="No space left"):
        append_answer(file, "junk", ["c"])
    assert file.read_bytes() == written
    assert read_answers(file) == answers


def _add_many(file: Path, name: str) -> None:
    for number in range(25):
        append_answer(file, "junk", [f"{name}{number}"])


def test_two_processes_do_not_disturb_each_other(file: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_add_many, args=(file, name)) for name in "ab"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    answers = read_answers(file)
    assert [answer.number for answer in answers] == list(range(1, 51))
    for name in "ab":
        own = [answer.first[0] for answer in answers if answer.first[0].startswith(name)]
        assert own == [f"{name}{number}" for number in range(25)]


def test_a_killed_process_loses_no_answer_that_it_told_of(file: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from usvireid.review.answers import append_answer\n"
        "while True: print(append_answer(Path(sys.argv[1]), 'same', ['x' * 5000, 'y']).number, flush=True)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(file)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(20)]
        process.send_signal(signal.SIGKILL)
        told += [int(line) for line in process.stdout if line.endswith("\n")]
    numbers = [answer.number for answer in read_answers(file)]
    assert numbers[: len(told)] == told
    assert append_answer(file, "junk", ["c"]).number == numbers[-1] + 1


def built(file: Path, count: int = 6) -> tuple[Constraints, int, int]:
    crops = Crops.from_table(
        file.parent, pd.DataFrame({"path": list("abcdefghij")[:count], "modality": "visible"}), "test"
    )
    builder = ConstraintsBuilder(count)
    gone = add_answers(builder, read_answers(file), crops)
    return builder.build(), gone, builder.contradictions


def test_answers_as_constraints(file: Path) -> None:
    append_answer(file, "same", ["a", "b"])
    append_answer(file, "different", ["a"], ["c", "d"])
    append_answer(file, "apart", ["c", "d", "e"])
    append_answer(file, "junk", ["f"])
    append_answer(file, "same", ["a", "f"])
    append_answer(file, "undo", undoes=5)
    constraints, gone, contradictions = built(file)
    assert constraints.group.tolist() == [0, 0, 1, 2, 3, 4]
    assert constraints.cannot.tolist() == [[0, 1], [0, 2]]
    assert constraints.mixture.tolist() == [-1, -1, 0, 0, 0, -1]
    assert constraints.junk.tolist() == [False] * 5 + [True]
    assert (gone, contradictions) == (0, 0)


def test_a_later_word_outweighs_an_earlier_one(file: Path) -> None:
    append_answer(file, "same", ["a", "b", "c"])
    append_answer(file, "different", ["a", "b"], ["c"])
    constraints, _, contradictions = built(file)
    assert constraints.group.tolist()[:3] == [0, 0, 1]
    assert (constraints.cannot.tolist(), contradictions) == ([[0, 1]], 1)
    append_answer(file, "same", ["c", "a"])
    constraints, _, contradictions = built(file)
    # a is c now; what was said of b and c still holds.
    assert constraints.group.tolist()[:3] == [0, 1, 0]
    assert (constraints.cannot.tolist(), contradictions) == ([[0, 1]], 2)


def test_crops_that_have_gone_are_left_out_and_counted(file: Path) -> None:
    append_answer(file, "same", ["a", "gone", "b"])
    append_answer(file, "different", ["a"], ["lost"])
    append_answer(file, "junk", ["lost"])
    append_answer(file, "apart", ["gone", "lost"])
    constraints, gone, _ = built(file)
    assert gone == 2
    assert constraints.group.tolist() == [0, 0, 1, 2, 3, 4]
    assert not constraints.junk.any()
    assert not len(constraints.cannot)


def test_no_answers_say_nothing(file: Path) -> None:
    assert built(file)[0].trivial
