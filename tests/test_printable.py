import pytest

from usvireid.display import Display
from usvireid.printable import shown, shown_lines


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("plain é 日本 👍", "plain é 日本 👍"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\udcff.jpg", r"\xff.jpg"),
        ("\ud800", r"\ud800"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\x1b[31m\x00", r"\x1b[31m\x00"),
        ("👩\u200d👧 50\u00a0%", "👩\u200d👧 50\u00a0%"),
        ("", ""),
    ],
)
def test_what_misleads_is_written_out(text: str, there: str) -> None:
    assert shown(text) == there
    shown(text).encode("utf-8")


def test_lines_stay() -> None:
    assert shown_lines("a\x1b\nb") == "a\\x1b\nb"


def test_what_is_said_leads_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    display = Display()
    display.say("say \x1b[31m")
    display.warn("mind \x1b[31m")
    said = capfd.readouterr().err
    assert "\x1b[31m" not in said
    assert said.count(r"\x1b[31m") == 2
