"""A sentence of CoNLL-U as lines and cells: its own source, or a new one made of its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hiernlp.errors import HierNLPError
from hiernlp.inference.writers._cells import comment_value, form_cell, misc_value

if TYPE_CHECKING:
    from hiernlp.inference.document import Document

CELLS = 10
MISC = 9


@dataclass
class Block:
    """A sentence of the output while it is built: comment lines, and every other line as its cells."""

    comments: list[str]
    lines: list[list[str]]

    @property
    def words(self) -> list[list[str]]:
        return [cells for cells in self.lines if cells[0].isdigit()]

    def comment(self, key: str) -> int | None:
        """Return the place of the comment ``# key = ...``, or None."""
        return next((i for i, line in enumerate(self.comments) if key_value(line)[0] == key), None)

    def add_comment(self, line: str) -> None:
        """Add a comment, before ``# text`` if that is there."""
        place = self.comment("text")
        self.comments.insert(len(self.comments) if place is None else place, line)

    def text(self) -> str:
        return "\n".join([*self.comments, *("\t".join(cells) for cells in self.lines)]) + "\n\n"


def sentence_names(document: Document) -> list[str]:
    """Return a name for each sentence, no two alike unless they were given so: its own, or else its number."""
    given = [sentence.row.get("sentence") for sentence in document.sentences]
    taken = {str(name) for name in given if name is not None}
    names = []
    for number, name in enumerate(given, start=1):
        free = str(number)
        while free in taken:
            free = f"s{free}"
        names.append(free if name is None else str(name))
    return names


def make_block(document: Document, index: int, *, name: str) -> Block:
    """Return a sentence's source, or what stands for it, with its name, if it has none."""
    sentence = document.sentences[index]
    source = sentence.row.get("source")
    if source is None:
        return _new_block(document, index, name)
    lines = source.split("\n")
    count = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    block = Block(lines[:count], [line.split("\t") for line in lines[count:]])
    wrong = next((cells for cells in block.lines if len(cells) != CELLS), None)
    if wrong is not None or len(block.words) != len(sentence):
        found = f"{len(block.words)} words" if wrong is None else f"the line {chr(9).join(wrong)!r}"
        raise HierNLPError(
            f"sentence {index + 1} of the document has {len(sentence)} words, but its source has {found}; "
            "leave the row's source as it was read, or take it out"
        )
    return block


@dataclass(frozen=True)
class _Token:
    """A token of the raw text: words ``first`` to ``last`` (exclusive) of a sentence, as they are written there."""

    first: int
    last: int
    form: str
    start: int | None = None
    end: int | None = None


def _new_block(document: Document, index: int, name: str) -> Block:
    sentence = document.sentences[index]
    tokens = _tokens(document, index)
    gaps = _gaps(document, index, tokens)
    forms = [form_cell(token.form) for token in tokens]
    lines = []
    for token, form, gap in zip(tokens, forms, gaps, strict=True):
        words = [[str(i + 1), form_cell(sentence.words[i]), *["_"] * 8] for i in range(token.first, token.last)]
        if len(words) > 1:
            words.insert(0, [f"{token.first + 1}-{token.last}", form, *["_"] * 8])
        words[0][MISC] = _space_after(gap)
        lines += words
    of, comments = sentence.row.get("document"), []
    if index == 0 or of != document.sentences[index - 1].row.get("document"):
        comments.append("# newdoc" if of is None else f"# newdoc id = {comment_value(str(of))}")
    comments.append(f"# sent_id = {comment_value(name)}")
    text = "".join(form + ("" if gap == "" else " ") for form, gap in zip(forms, gaps, strict=True)).strip()
    raw = sentence.text if sentence.text is not None else sentence.row.get("text")
    if sentence.word_starts is None and raw is not None and _found_in(sentence.words, raw) is None:
        text = comment_value(raw)
    return Block([*comments, f"# text = {text}"], lines)


def _space_after(gap: str | None) -> str:
    """Return MISC for the raw text after a word; white space that has no escape of its own counts as a blank."""
    if gap == "":
        return "SpaceAfter=No"
    plain = "".join(char if char in "\t\n\r" else " " for char in gap or " ")
    return "_" if plain == " " else f"SpacesAfter={misc_value(plain)}"


def gaps_of(document: Document, index: int) -> list[str | None]:
    """Return the raw text between each word of a sentence and the next; None where it is not known.

    Between the words of a multiword token there is none.
    """
    tokens = _tokens(document, index)
    gaps = _gaps(document, index, tokens)
    return [
        gap if word == token.last - 1 else ""
        for token, gap in zip(tokens, gaps, strict=True)
        for word in range(token.first, token.last)
    ]


def _tokens(document: Document, index: int) -> list[_Token]:
    """Return the tokens that a sentence is written with, and their places in the raw text where those are known."""
    sentence = document.sentences[index]
    words, starts, text = sentence.words, sentence.word_starts, document.text
    if starts is None or text is None:
        raw = sentence.text if sentence.text is not None else sentence.row.get("text")
        starts = None if raw is None else _found_in(words, raw)
        if starts is None:
            return [_Token(i, i + 1, word) for i, word in enumerate(words)]
        return [
            _Token(i, i + 1, word, at, at + len(word)) for i, (word, at) in enumerate(zip(words, starts, strict=True))
        ]
    several = {token.first: token for token in sentence.multiword}
    tokens: list[_Token] = []
    first = 0
    while first < len(words):
        token = several.get(first)
        last = first + 1 if token is None else token.last
        start, end = (starts[first], starts[first] + len(words[first])) if token is None else (token.start, token.end)
        tokens.append(_Token(first, last, words[first] if token is None else text[start:end], start, end))
        first = last
    return tokens


def _gaps(document: Document, index: int, tokens: Sequence[_Token]) -> list[str | None]:
    """Return the raw text between each token and the next; None where it is not known."""
    sentence = document.sentences[index]
    text, end = document.text, None
    if sentence.word_starts is not None and text is not None:
        if index + 1 < len(document.sentences):
            following = document.sentences[index + 1].word_starts
            end = following[0] if following else None
    else:
        text = sentence.text if sentence.text is not None else sentence.row.get("text")
    if text is None:
        return [None] * len(tokens)
    nexts = [*(token.start for token in tokens[1:]), end]
    return [
        None if token.end is None or following is None else text[token.end : following]
        for token, following in zip(tokens, nexts, strict=True)
    ]


def _found_in(words: Sequence[str], text: str) -> list[int] | None:
    """Return where each word begins in a text of just these words and white space, or None if it is another text."""
    starts, place = [], 0
    for word in words:
        start = text.find(word, place)
        if start < 0 or text[place:start].strip():
            return None
        starts.append(start)
        place = start + len(word)
    return None if text[place:].strip() else starts


def misc(cells: Sequence[str]) -> dict[str, str]:
    return {key: value for key, _, value in (item.partition("=") for item in cells[MISC].split("|"))}


def replace_misc(cells: list[str], key: str, value: str | None) -> None:
    """Set ``key=value`` in a line's MISC where that key stands, or at the end; None takes it out."""
    items = [] if cells[MISC] == "_" else cells[MISC].split("|")
    place = next((i for i, item in enumerate(items) if item.partition("=")[0] == key), None)
    if value is not None:
        items[len(items) if place is None else place : len(items) if place is None else place + 1] = [f"{key}={value}"]
    elif place is not None:
        del items[place]
    else:
        return
    cells[MISC] = "|".join(items) or "_"


def key_value(comment: str) -> tuple[str, str]:
    key, _, value = comment.lstrip("#").partition("=")
    return key.strip(), value.strip()
