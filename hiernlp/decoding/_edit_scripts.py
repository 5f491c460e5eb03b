"""Edit scripts: how a word becomes its lemma, said so that other words may become theirs in the same way.

Source: after Straka 2018, "UDPipe 2.0 Prototype at CoNLL 2018 UD Shared Task": the casing of the lemma is one part of a
script, and what happens to the text another. The longest common substring of word and lemma is kept, and what stands
before and after it is replaced. Where nothing is common, the lemma itself is the script.

Departures from the source: what is removed is spelt out, so that a script applies only to words that have it; casing
is one of four ways, of which the first with the shortest edit is taken (``iPhone`` from ``IPHONE`` replaces letters).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

NO_LEMMA = "_"
"""What an empty word or lemma is written as."""

_LONGEST = 100
"""Characters of a word or lemma beyond which only equality is looked for: the search is quadratic."""


def _title(text: str) -> str:
    return text[:1].upper() + text[1:]


_CASINGS: dict[str, Callable[[str], str]] = {"lower": str, "name": _title, "title": _title, "upper": str.upper}
"""How a text in lower case is written. ``name`` leaves words that have upper case as they are: many encoders do not
see case, and so ``Rome``, ``rome``, ``NASA`` and ``McDonald`` need no telling apart."""
_WHOLE = "whole"


@dataclass(frozen=True)
class EditScript:
    """A script ready to be applied.

    Attributes:
        casing: ``lower``; ``name``, as the word has it, but with a capital if it has none; ``title`` or ``upper``; or
            ``whole``, where the lemma is given by the script alone.
        before: what is removed from the beginning.
        start: what is put there; the lemma itself if ``casing`` is ``whole``.
        after: what is removed from the end.
        end: what is put there.
    """

    casing: str
    before: str = ""
    start: str = ""
    after: str = ""
    end: str = ""

    @property
    def cost(self) -> int:
        """Number of characters removed or put in."""
        return len(self.before) + len(self.start) + len(self.after) + len(self.end)

    def __call__(self, form: str) -> str | None:
        """Return the lemma of a word, or None if the script does not apply to it or would leave nothing."""
        if self.casing == _WHOLE:
            return self.start or None
        keeps = _keeps(self.casing, form)
        text = form if keeps else form.lower()
        stop = len(text) - len(self.after)
        if stop < len(self.before) or not (text.startswith(self.before) and text.endswith(self.after)):
            return None
        made = self.start + text[len(self.before) : stop] + self.end
        return (made if keeps else _CASINGS[self.casing](made)) or None

    def __str__(self) -> str:
        parts = [self.casing, self.before, self.start, self.after, self.end]
        while not parts[-1]:
            parts.pop()
        return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def parse(cls, script: str) -> EditScript:
        """Return the script that a string says."""
        return cls(*json.loads(script))


def script_of(form: str, lemma: str) -> str:
    """Return the script that makes a lemma of a word: ``apply_script(script_of(form, lemma), form) == lemma``.

    An empty lemma is taken for none, ``_``.

    Example:
        >>> script_of("Libraries", "library")
        '["lower","","","ies","y"]'
        >>> script_of("was", "be")
        '["whole","","be"]'
    """
    lemma = lemma or NO_LEMMA
    found = [_edit(casing, form, lemma) for casing in _CASINGS]
    fitting = [script for script in found if script is not None]
    return str(min(fitting, key=lambda script: script.cost, default=EditScript(_WHOLE, start=lemma)))


def apply_script(script: str, form: str) -> str:
    """Return the lemma that a script makes of a word; the word itself if the script does not apply to it.

    The result is never empty: an empty word to which nothing applies gives ``_``.

    Example:
        >>> apply_script('["lower","","","ies","y"]', "Berries"), apply_script('["lower","","","ies","y"]', "Geese")
        ('berry', 'Geese')
    """
    return EditScript.parse(script)(form) or form or NO_LEMMA


def _keeps(casing: str, form: str) -> bool:
    return casing == "name" and form != form.lower()


def _edit(casing: str, form: str, lemma: str) -> EditScript | None:
    """Return the shortest edit under one way of casing, or None if there is none."""
    text, aim = (form, lemma) if _keeps(casing, form) else (form.lower(), lemma.lower())
    at, there, size = _longest_common(text, aim)
    if not size:
        return None
    script = EditScript(casing, text[:at], aim[:there], text[at + size :], aim[there + size :])
    return script if script(form) == lemma else None


def _longest_common(a: str, b: str) -> tuple[int, int, int]:
    """Return the places and the length of the longest common substring, the first of several in ``a``."""
    if a == b:
        return 0, 0, len(a)
    if max(len(a), len(b)) > _LONGEST:
        return 0, 0, 0
    for size in range(min(len(a), len(b)), 0, -1):
        for at in range(len(a) - size + 1):
            there = b.find(a[at : at + size])
            if there >= 0:
                return at, there, size
    return 0, 0, 0
