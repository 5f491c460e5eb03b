"""Words as the Penn Treebank writes them, and as everybody else does."""

from __future__ import annotations

_WHOLE = {
    "``": '"',
    "''": '"',
    "`": "'",
    "-LRB-": "(",
    "-RRB-": ")",
    "-LSB-": "[",
    "-RSB-": "]",
    "-LCB-": "{",
    "-RCB-": "}",
}


def unescaped(word: str) -> str:
    r"""Return a word of the Penn Treebank as it stands in text: brackets, quotation marks, slashes and asterisks.

    Opening and closing quotation marks become one, as on keyboards.

    Example:
        >>> unescaped("-LRB-"), unescaped("1\\/4"), unescaped("``")
        ('(', '1/4', '"')
    """
    found = _WHOLE.get(word)
    return word.replace("\\/", "/").replace("\\*", "*") if found is None else found
