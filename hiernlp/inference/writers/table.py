"""A readable table for the terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hiernlp.inference.document import PROBABILITY
from hiernlp.inference.writers._base import Writer

if TYPE_CHECKING:
    from hiernlp.inference.document import Document, Sentence, Span

WIDEST = 40
"""Cells of a terminal that one table cell may take; what is longer is cut."""


class Table(Writer):
    """Every sentence as an aligned table of its words, followed by its spans and sentence labels.

    Of a pair, the two sentences a line each, followed by what was said of them.
    """

    def write(self, document: Document) -> str:
        """Return the tables, an empty line after each."""
        return "".join(sentence_table(sentence) + "\n" for sentence in document.sentences)


def sentence_table(sentence: Sentence) -> str:
    """Return one sentence as a table; every line ends in a newline."""
    lines = [_title(sentence)] if _title(sentence) else []
    if sentence.second is None:
        lines += _aligned(_word_rows(sentence))
    else:
        lines += [" ".join(show(word) for word in words) for words in (sentence.words, sentence.second)]
    below: list[list[str]] = []
    for column in sentence.columns:
        level = sentence.level(column)
        if level == "spans":
            spans = sentence.spans(column)
            below += [[column if i == 0 else "", *_span_cells(span)] for i, span in enumerate(spans)]
            if not spans:
                below.append([column, "none"])
        elif level == "sentence":
            value, probability = sentence[column], sentence.get(column + PROBABILITY)
            below.append([column, show(value), show_probability(probability, value)])
    return "".join(f"{line}\n" for line in lines + _aligned(below))


def _title(sentence: Sentence) -> str:
    name = sentence.row.get("sentence")
    return "" if name is None else f"# {show(name)}"


def _word_rows(sentence: Sentence) -> list[list[str]]:
    header, columns = ["#", "word"], [[str(i + 1) for i in range(len(sentence))], [show(w) for w in sentence.words]]
    for column in sentence.columns:
        if sentence.level(column) != "token":
            continue
        header.append(column)
        columns.append([show(value) for value in sentence[column]])
        chances = sentence.get(column + PROBABILITY)
        if chances is not None:
            header.append("p")
            columns.append([show_probability(chance, None) for chance in chances])
    return [header, *([column[i] for column in columns] for i in range(len(sentence)))]


def _span_cells(span: Span) -> list[str]:
    place = f"word {span.start + 1}" if span.end - span.start == 1 else f"words {span.start + 1}-{span.end}"
    return [show(span.label), show(span.text), place, show_probability(span.probability, None)]


def show(value: Any) -> str:  # noqa: ANN401 - any annotation
    """Return a value as one short printable line; None gives an empty one."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(show(item) for item in value)
    text = printable(str(value))
    if width(text) <= WIDEST:
        return text
    kept, used = [], 0
    for char in text:
        used += width(char)
        if used >= WIDEST:
            break
        kept.append(char)
    return "".join(kept) + "…"


def show_probability(value: Any, chosen: Any) -> str:  # noqa: ANN401 - a number or a mapping of labels to numbers
    """Return a probability with two decimals; of a mapping, that of the chosen labels."""
    if isinstance(value, Mapping):
        labels = chosen if isinstance(chosen, list | tuple) else [chosen]
        return ", ".join(f"{value[label]:.2f}" for label in labels if label in value)
    return "" if value is None else f"{value:.2f}"


def printable(text: str) -> str:
    """Return a text on one line, U+FFFD in the place of what could move a terminal's cursor or turn its direction."""
    return "".join(char if _printable(char) else "\ufffd" for char in text)


def _printable(char: str) -> bool:
    # Control characters and direction marks could rewrite the user's terminal; joiners are parts of emoji and words.
    return unicodedata.category(char) not in {"Cc", "Cs", "Zl", "Zp"} and not "\u202a" <= char <= "\u202e"


def width(text: str) -> int:
    """Return how many cells of a terminal a text takes (wide East Asian characters two, combining marks none)."""
    return sum(
        0
        if unicodedata.combining(char) or unicodedata.category(char) in {"Mn", "Me", "Cf"}
        else 2
        if unicodedata.east_asian_width(char) in "WF"
        else 1
        for char in text
    )


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    count = max((len(row) for row in rows), default=0)
    widths = [max(width(row[i]) for row in rows if i < len(row)) for i in range(count)]
    return [
        "  ".join(cell + " " * (size - width(cell)) for cell, size in zip(row, widths, strict=False)).rstrip()
        for row in rows
    ]
