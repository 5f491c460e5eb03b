"""Making any string fit into CoNLL-U: cells, comments and MISC values."""

from __future__ import annotations

import re
import unicodedata

REPLACEMENT = "\ufffd"
"""Stands for a character that CoNLL-U cannot hold."""

_MISC = {"\\": "\\\\", "|": "\\p", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_BRACKETS = re.compile(r"[%()|\-=]")


def form_cell(text: str) -> str:
    r"""Return a word or lemma as a cell, with as many characters as it has.

    Single blanks between other characters stay; other white space (tabs, newlines, blanks at an end or in a row),
    control characters and lone surrogates become U+FFFD, and so does an empty string.

    Example:
        >>> form_cell("20 000")
        '20 000'
        >>> form_cell("a\tb") == "a\ufffdb"
        True
    """
    ends = (0, len(text) - 1)
    chars = [
        REPLACEMENT
        if _breaks(char) or (_blank(char) and (i in ends or _blank(text[i - 1]) or _blank(text[i + 1])))
        else char
        for i, char in enumerate(text)
    ]
    return "".join(chars) or REPLACEMENT


def label_cell(text: str) -> str:
    """Return a label as a cell: no white space, never empty.

    Example:
        >>> label_cell("")
        '_'
    """
    return "".join(REPLACEMENT if _blank(char) or _breaks(char) else char for char in text) or "_"


def comment_value(text: str) -> str:
    """Return text for a comment line: newlines and control characters become blanks, several in a row one."""
    return re.sub(" +", " ", "".join(" " if _breaks(char) else char for char in text)).strip()


def misc_value(text: str) -> str:
    r"""Return a value for MISC, with the escapes of ``SpacesAfter`` (``\s``, ``\t``, ``\n``, ``\p``, ...).

    Example:
        >>> misc_value("a|b c") == r"a\pb\sc"
        True
    """
    return label_cell("".join("\\s" if _blank(char) else _MISC.get(char, char) for char in text))


def bracket_value(text: str) -> str:
    """Return a label for ``Entity=``, where ``( ) | - = %`` are written as ``%28`` and so on.

    Example:
        >>> bracket_value("creative-work")
        'creative%2Dwork'
    """
    return misc_value(_BRACKETS.sub(lambda found: f"%{ord(found[0]):02X}", text))


def misc_key(column: str) -> str:
    """Return the MISC key of a column.

    Example:
        >>> misc_key("chunks"), misc_key("upos_probability")
        ('Chunks', 'UposProb')
    """
    name = column.removesuffix("_probability") + "_prob" if column.endswith("_probability") else column
    return (
        label_cell("".join(part[:1].upper() + part[1:] for part in name.split("_"))).replace("=", "").replace("|", "")
    )


def _blank(char: str) -> bool:
    return unicodedata.category(char) == "Zs"


def _breaks(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}
