"""Documents for consoles of rich: the table of the writers, with colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from hiernlp.inference.document import PROBABILITY
from hiernlp.inference.writers.table import show, show_probability

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hiernlp.inference.document import Document, Sentence

# All text goes through Text, in which brackets are no markup.
_QUIET, _WORD, _LABEL = "dim", "bold", "cyan"


def document_view(document: Document) -> RenderableType:
    """Return a document's sentences one after the other."""
    return Group(*(sentence_view(sentence) for sentence in document.sentences))


def sentence_view(sentence: Sentence) -> RenderableType:
    """Return a sentence: its words with their tags, then its spans and what was said of it as a whole."""
    parts: list[RenderableType] = []
    name = sentence.row.get("sentence")
    if name is not None:
        parts.append(Text(f"# {show(name)}", style=_QUIET))
    if sentence.second is None:
        parts.append(_words(sentence))
    else:
        parts += [Text(" ".join(map(show, words)), style=_WORD) for words in (sentence.words, sentence.second)]
    below = _below(sentence)
    if below.row_count:
        parts.append(below)
    return Group(*parts, Text(""))


def _words(sentence: Sentence) -> Table:
    columns = [column for column in sentence.columns if sentence.level(column) == "token"]
    table = Table(box=None, pad_edge=False, header_style=_QUIET)
    table.add_column("#", justify="right", style=_QUIET)
    table.add_column("word", style=_WORD)
    for column in columns:
        table.add_column(Text(column), style=_LABEL)
        if column + PROBABILITY in sentence:
            table.add_column("p", style=_QUIET)
    tags = {column: sentence.tags(column) for column in columns}
    for i, word in enumerate(sentence.words):
        cells = [Text(str(i + 1)), Text(show(word))]
        for column in columns:
            cells.append(Text(show(tags[column][i].label)))
            if column + PROBABILITY in sentence:
                cells.append(Text(show_probability(tags[column][i].probability, None)))
        table.add_row(*cells)
    return table


def _below(sentence: Sentence) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for style in (_QUIET, _LABEL, _WORD, _QUIET):
        table.add_column(style=style)
    for column in sentence.columns:
        level = sentence.level(column)
        if level == "spans":
            spans = sentence.spans(column)
            for i, span in enumerate(spans):
                chance = show_probability(span.probability, None)
                table.add_row(*(Text(t) for t in ("" if i else column, show(span.label), show(span.text), chance)))
            if not spans:
                table.add_row(Text(column), Text("none"))
        elif level == "sentence":
            chance = show_probability(sentence.get(column + PROBABILITY), sentence[column])
            table.add_row(Text(column), Text(show(sentence[column])), Text(""), Text(chance))
    return table
