"""Raw text into sentences and words by rules, with no model: spaCy's tokenizers and a small sentence splitter."""

from __future__ import annotations

import pkgutil
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from hiernlp.errors import HierNLPError, NotInstalledError, did_you_mean
from hiernlp.segmentation.paragraphs import paragraphs
from hiernlp.segmentation.segments import Segment

if TYPE_CHECKING:
    from spacy.language import Language

_LONG_RUN = re.compile(r"(?:[^\w\s]|_){100}(?=\S)|\S{10000}(?=\S)")
"""Where a run without blanks is cut: spaCy strips marks from its ends one by one, in time that grows quadratically."""

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_CHUNK = 200_000
"""Longer paragraphs go through the tokenizer in pieces of about this many characters, which bounds its memory."""

_DOTS = re.compile(r"\.{2,}|…+")
_ABBREVIATED = re.compile(r".*\w.+\.", re.DOTALL)
"""An abbreviation with its full stop in one token, but no initial such as ``J.``."""
_CLOSING = frozenset(")]}>”’»›」』】）〕〉》")
_QUOTES = frozenset("\"'`")
_STARTERS = frozenset(
    re.findall(
        r"\w+",
        "The This That These Those He She It We They You There His Her Its Our Their My But And So Then "
        "However In On When If What Who Why How No Yes",
    )
)
"""Words that, capitalised after an abbreviation such as ``p.m.``, begin a sentence."""
_NEVER_LAST = frozenset({"e.g.", "i.e.", "cf."})
_ABBREVIATIONS = frozenset(
    re.findall(
        r"\w+",
        "al approx art c ca cap cf ch col dept ed eds eq est etc ex fig figs min max misc no nos nr op p para "
        "pl pp pt ref resp sec sect sp spp ver viz vol vols vs",
    )
)
"""Words (English, mostly scholarly) whose full stop ends no sentence before a digit, a small letter or a bracket."""


@dataclass(frozen=True)
class _Token:
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


class _Tokenizer:
    """A tokenizer of one language, for one thread at a time: spaCy's string store is shared and not locked."""

    def __init__(self, pipeline: Language, terminals: frozenset[str]) -> None:
        self._pipeline = pipeline
        self._lock = threading.Lock()
        self.terminals = terminals

    def tokens(self, text: str, offset: int) -> list[_Token]:
        """Return the tokens of a piece of text that are not blank; ``offset`` is where the piece begins."""
        # Lone surrogates cannot be encoded, so that spaCy sees a stand-in of the same length.
        safe = _SURROGATE.sub("\ufffd", text)
        # A memory zone forgets the words afterwards: a server would otherwise grow with every new word.
        with self._lock, self._pipeline.memory_zone():
            bounds = [(token.idx, token.idx + len(token)) for token in self._pipeline.make_doc(safe)]
        found = (_Token(text[start:end], offset + start) for start, end in bounds)
        return [token for token in found if not token.text.isspace()]


def segment(text: str, *, language: str = "en") -> list[Segment]:
    """Split a text into sentences and words.

    Words come from spaCy's tokenizer of the language. A sentence ends after a full stop, question or exclamation mark
    (of any script) with the closing quotes and brackets that follow it, and at every blank line. An ellipsis ends one
    unless a small letter follows, and so does a mark inside quotes (``"Stop!" he said``). No character but white space
    is lost, whatever the text.

    Args:
        text: any text.
        language: code of a language of spaCy, such as ``"en"``; ``"xx"`` for any.

    Returns:
        The sentences in order; none for a text of nothing but white space.

    Raises:
        HierNLPError: spaCy has no such language.
        NotInstalledError: the language's tokenizer needs a further library.

    Example:
        >>> [s.words for s in segment("He left. Why?")]
        [['He', 'left', '.'], ['Why', '?']]
    """
    tokenizer = _tokenizer(language)
    segments: list[Segment] = []
    for start, end in paragraphs(text):
        tokens: list[_Token] = []
        for first, last in _pieces(text, start, end):
            tokens += tokenizer.tokens(text[first:last], first)
        segments += [_segment(sentence) for sentence in _sentences(tokens, tokenizer.terminals)]
    return segments


def languages() -> list[str]:
    """Return the codes of the languages that can be segmented."""
    import spacy.lang  # noqa: PLC0415 - spaCy takes a second to import

    return sorted(m.name for m in pkgutil.iter_modules(spacy.lang.__path__) if m.ispkg)


@cache
def _tokenizer(language: str) -> _Tokenizer:
    if language not in languages():
        raise HierNLPError(f"language: there are no rules for {language!r}{did_you_mean(language, languages())}")
    import spacy  # noqa: PLC0415
    from spacy.pipeline import Sentencizer  # noqa: PLC0415

    try:
        pipeline = spacy.blank(language)
    except ImportError as error:
        reason = str(error).splitlines()[0]
        raise NotInstalledError(f"language: the rules for {language!r} need another library: {reason}") from None
    return _Tokenizer(pipeline, frozenset(Sentencizer.default_punct_chars))


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the start and end of pieces that the tokenizer can manage, cut at blanks where there are any."""
    while start < end:
        cut = min(end, start + _CHUNK)
        if cut < end:
            blank = max(text.rfind(" ", start + 1, cut), text.rfind("\n", start + 1, cut))
            cut = blank if blank > start else cut
        first = start
        for run in _LONG_RUN.finditer(text, start, cut):
            yield first, run.end()
            first = run.end()
        if first < cut:
            yield first, cut
        start = cut


def _sentences(tokens: list[_Token], terminals: frozenset[str]) -> Iterator[list[_Token]]:
    """Yield the tokens of each sentence."""
    first = i = 0
    while i < len(tokens):
        after = _after_mark(tokens, i, terminals)
        if after is not None and after < len(tokens) and _ends(tokens, i, after):
            yield tokens[first:after]
            first = after
        i = i + 1 if after is None else after
    if first < len(tokens):
        yield tokens[first:]


def _after_mark(tokens: list[_Token], i: int, terminals: frozenset[str]) -> int | None:
    """Return the index after a mark that may end a sentence, with all that clings to it; None for no such mark."""
    if not _is_mark(tokens[i].text, terminals):
        return i + 1 if _ABBREVIATED.fullmatch(tokens[i].text) else None
    i += 1
    while i < len(tokens):
        attached = tokens[i].start == tokens[i - 1].end
        text = tokens[i].text
        closes = text[0] in _CLOSING or (attached and text[0] in _QUOTES)
        if not (closes or (_is_mark(text, terminals) and (attached or text not in "."))):
            break
        i += 1
    return i


def _is_mark(text: str, terminals: frozenset[str]) -> bool:
    return text in terminals or _DOTS.fullmatch(text) is not None or (len(text) > 1 and set(text) <= set("!?"))


def _ends(tokens: list[_Token], mark: int, after: int) -> bool:
    """Tell whether a sentence ends between the mark (with what clings to it) and the token ``after``."""
    text, last, following = tokens[mark].text, tokens[after - 1], tokens[after]
    small = following.text[0].islower()
    spaced = following.start > last.end
    if text.isascii() and not spaced and not following.text[0].isupper():
        return False
    if _ABBREVIATED.fullmatch(text):
        return following.text in _STARTERS and text.lower() not in _NEVER_LAST
    if last.text[0] in _CLOSING | _QUOTES or _DOTS.fullmatch(text):
        return not small
    if text == "." and mark and tokens[mark - 1].text.lower() in _ABBREVIATIONS:
        return not (small or following.text[0].isdigit() or following.text[0] in "([")
    return True


def _segment(tokens: list[_Token]) -> Segment:
    return Segment(
        [token.text for token in tokens],
        [token.start for token in tokens],
        [token.end for token in tokens],
        tokens[0].start,
        tokens[-1].end,
    )
