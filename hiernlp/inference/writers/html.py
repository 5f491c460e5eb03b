"""HTML: dependency arcs and marked spans drawn by spaCy's displaCy, beside words' tags and sentences' labels."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hiernlp.figures import FAINT, INK, MUTED, PALETTE, colours, tint
from hiernlp.inference.document import PROBABILITY
from hiernlp.inference.writers._base import Writer
from hiernlp.inference.writers.table import printable, show, show_probability

if TYPE_CHECKING:
    from hiernlp.inference.document import Document, Sentence, Span

_FONT = "font-family: system-ui, 'DejaVu Sans', Arial, sans-serif"
_CELL = f"padding: 1px 9px; text-align: center; border: 0; white-space: nowrap; color: {INK}"
_WIDE, _NARROW, _CHARACTER, _ROOM = 240, 100, 9, 28
"""Pixels: the greatest and smallest distance of two words under arcs, the width of a character, what is between."""


class Html(Writer):
    """HTML that a browser shows: of every sentence its labels, tree, spans and tags.

    Arcs and marks are drawn by displaCy as SVG and HTML, with no script and nothing from elsewhere. All text, labels
    included, is escaped, so that markup in it is shown, not obeyed.
    """

    def write(self, document: Document) -> str:
        """Return the document as a piece of HTML; several one after the other are a page, too."""
        return f'<meta charset="utf-8">\n{fragment(document)}\n'


def fragment(document: Document, *, most: int | None = None) -> str:
    """Return a document as HTML to be put into a page.

    Args:
        document: what to show.
        most: how many sentences, by default all; of more, the number is told.
    """
    shown = document.sentences if most is None else document.sentences[:most]
    names = [span["label"] for s in document.sentences for c in _of_level(s, "spans") for span in s[c]]
    palette = {label: tint(colour, 0.28) for label, colour in colours([_text(name) for name in names]).items()}
    body = "".join(_sentence(sentence, palette) for sentence in shown)
    if left := len(document) - len(shown):
        body += f'<p style="color: {MUTED}">… and {left} more sentence{"s" if left > 1 else ""}</p>'
    return f'<div class="hiernlp" style="{_FONT}; color: {INK}; background: #ffffff">{body}</div>'


def _sentence(sentence: Sentence, palette: Mapping[str, str]) -> str:
    parts = [_labels(sentence)]
    if sentence.second is not None:
        parts += [f"<p>{_text(' '.join(words))}</p>" for words in (sentence.words, sentence.second)]
    else:
        tag, arcs = _arcs(sentence)
        parts += [arcs, *(_spans(sentence, c, palette) for c in _of_level(sentence, "spans")), _words(sentence, tag)]
        if not any(parts[1:]):
            parts.append(f"<p>{_text(' '.join(sentence.words))}</p>")
    look = f"margin: 0 0 1em; padding: 0 0 0.6em; border-bottom: 1px solid {FAINT}; overflow-x: auto"
    return f'<section style="{look}">{"".join(parts)}</section>'


def _labels(sentence: Sentence) -> str:
    """Return the sentence's name and what was said of it as a whole."""
    name = sentence.row.get("sentence")
    chips = [] if name is None else [f'<span style="color: {MUTED}">{_text(name)}</span>']
    for column in _of_level(sentence, "sentence"):
        value = sentence[column]
        chance = show_probability(sentence.get(column + PROBABILITY), value)
        box = f"background: {tint(PALETTE[1])}; border-radius: 0.6em; padding: 0.1em 0.6em; margin: 0 0.8em 0 0.3em"
        chips.append(
            f'<span style="color: {MUTED}">{_text(column)}</span><span style="{box}">{_text(show(value))}'
            f"{_small(chance)}</span>"
        )
    return f'<p style="margin: 0.4em 0">{" ".join(chips)}</p>' if chips else ""


def _arcs(sentence: Sentence) -> tuple[str | None, str]:
    """Return the column of the tags shown under the arcs, and the arcs; nothing without a tree."""
    if "head" not in _of_level(sentence, "token"):
        return None, ""
    from spacy.displacy.render import DependencyRenderer  # noqa: PLC0415 - spaCy takes a second to import

    tag = next((column for column in ("upos", "xpos") if column in _of_level(sentence, "token")), None)
    tags = [""] * len(sentence) if tag is None else [_text(show(label)) for label in sentence[tag]]
    words = [
        {"text": printable(word), "tag": label, "lemma": None} for word, label in zip(sentence.words, tags, strict=True)
    ]
    arcs = [
        {
            "start": min(found.dependent, found.head),
            "end": max(found.dependent, found.head),
            "label": _text(show(found.relation)),
            "dir": "left" if found.dependent < found.head else "right",
        }
        for found in sentence.tree()
        if found.head is not None and found.head != found.dependent
    ]
    longest = max((len(word["text"]) for word in words), default=0)
    distance = min(_WIDE, max(_NARROW, _CHARACTER * longest + _ROOM))
    drawing = DependencyRenderer(
        {"distance": distance, "offset_x": distance / 2 + 10, "word_spacing": 32, "arrow_spacing": 12}
        | {"arrow_stroke": 1, "arrow_width": 7, "color": INK, "bg": "#ffffff", "font": "inherit"}
    )
    # displaCy would take a random name, and what refers to it must find it among all that a page holds.
    name = hashlib.sha1(json.dumps([words, arcs]).encode(), usedforsecurity=False).hexdigest()[:16]
    return tag, drawing.render_svg(name, words, arcs)


def _spans(sentence: Sentence, column: str, palette: Mapping[str, str]) -> str:
    """Return the sentence with a column's spans: as marks, or where spans share a word, as lines below the words."""
    spans = sentence.spans(column)
    title = f'<p style="color: {MUTED}; margin: 0.6em 0 0">{_text(column)}{"" if spans else ": none"}</p>'
    if not spans:
        return title
    if all(first.end <= second.start for first, second in pairwise(spans)):
        return title + _marks(sentence, spans, palette)
    from spacy.displacy.render import SpanRenderer  # noqa: PLC0415 - spaCy takes a second to import

    found = [{"start_token": s.start, "end_token": s.end, "label": _span_label(s)} for s in spans]
    words = [printable(word) for word in sentence.words]
    return title + SpanRenderer({"colors": _by_label(spans, palette)}).render_spans(words, found, None)


def _marks(sentence: Sentence, spans: list[Span], palette: Mapping[str, str]) -> str:
    from spacy.displacy.render import EntityRenderer  # noqa: PLC0415 - spaCy takes a second to import

    starts, text = [], ""
    for word in sentence.words:
        starts.append(len(text))
        text += printable(word) + " "
    found = [
        {"start": starts[s.start], "end": starts[s.end - 1] + len(sentence.words[s.end - 1]), "label": _span_label(s)}
        for s in spans
    ]
    return EntityRenderer({"colors": _by_label(spans, palette)}).render_ents(text, found, None)


def _by_label(spans: list[Span], palette: Mapping[str, str]) -> dict[str, str]:
    return {_span_label(span): palette[_text(span.label)] for span in spans}


def _span_label(span: Span) -> str:
    return _text(f"{show(span.label)} {show_probability(span.probability, None)}".rstrip())


def _words(sentence: Sentence, shown: str | None) -> str:
    """Return a table of the words with what was said of them, but for the tree and the tags that are shown with it."""
    drawn = {"head", "deprel"} if shown is not None or "head" in sentence else set()
    rows = [c for c in _of_level(sentence, "token") if c not in drawn and (c != shown or c + PROBABILITY in sentence)]
    if not rows:
        return ""
    head = "".join(f'<td style="{_CELL}"><b>{_text(word)}</b></td>' for word in sentence.words)
    lines = [f"<tr><td></td>{head}</tr>"]
    for column in rows:
        cells = "".join(
            f'<td style="{_CELL}">{_text(show(tag.label))}{_small(show_probability(tag.probability, None))}</td>'
            for tag in sentence.tags(column)
        )
        lines.append(f'<tr><td style="{_CELL}; color: {MUTED}; text-align: left">{_text(column)}</td>{cells}</tr>')
    return f'<table style="border-collapse: collapse; margin: 0.6em 0; font-size: 0.9em">{"".join(lines)}</table>'


def _of_level(sentence: Sentence, level: str) -> list[str]:
    return [column for column in sentence.columns if sentence.level(column) == level]


def _small(probability: str) -> str:
    return f' <small style="color: {MUTED}">{_text(probability)}</small>' if probability else ""


def _text(value: Any) -> str:  # noqa: ANN401 - whatever is to be shown
    return html.escape(printable(str(value)))
