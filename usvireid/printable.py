"""Foreign words, such as names of files, so that whoever sees them sees what is there, and a terminal is not led."""

from __future__ import annotations

from typing import Final

_JOINERS: Final = "\u200c\u200d"
"""They shape letters and emoji and hide nothing."""


def shown(text: str) -> str:
    r"""A file name or another foreign word so that a reader sees what is there.

    What draws nothing, moves the cursor or turns the text around is written as in Python: a line break as \n, a byte
    that is no UTF-8 as \xff, a character that reverses the reading direction as \u202e.
    """
    return text if text.isprintable() else "".join(one if _plain(one) else escaped(one) for one in text)


def shown_lines(text: str) -> str:
    """The same of a text of several lines, which stay."""
    return "\n".join(map(shown, text.split("\n")))


def escaped(character: str) -> str:
    r"""A character as Python writes it, such as \x00."""
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        # How Python keeps a byte of a file name that is no UTF-8.
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def _plain(character: str) -> bool:
    return character.isprintable() or character in _JOINERS or character == "\u00a0"
