"""A picture of an analysis: words, tags, dependency arcs, nested spans and sentence labels."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path as FilePath
from typing import TYPE_CHECKING

from hiernlp.errors import HierNLPError
from hiernlp.figures import FAINT, MUTED, PALETTE, Fonts, check_path, colours, save
from hiernlp.inference._layout import Arc, Bar, arc_levels, lanes, ports, split_rows, stretch
from hiernlp.inference._pen import Measure, Pen, measurer
from hiernlp.inference.document import PROBABILITY
from hiernlp.inference.writers.table import show, show_probability

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hiernlp.inference.document import Document, Sentence

WORD_SIZE, TAG_SIZE, LABEL_SIZE = 12.0, 8.5, 8.0
MARGIN, SIDE = 18.0, 62.0
GAP, LEVEL, LANE, TAG = 13.0, 17.0, 17.0, 13.0
LONGEST = 24
"""Characters of a word that are shown."""

_NOT_TAGS = {"lemma", "feats", "head", "deprel"}


def draw(document: Document, path: str | os.PathLike[str], *, width: float = 18.0, resolution: float = 150) -> FilePath:
    """Draw a document as PNG or SVG, by the path's suffix, and return the path.

    Every sentence shows its labels, its dependency tree as arcs from heads to dependents, its words with their tags
    (all token-level columns but lemmas and features), and its spans as bars below, inner ones nearer to the words. A
    sentence wider than the picture is broken into rows; an arc into another row is cut, and names its head.

    Args:
        document: what to draw.
        path: the file, ending in ``.png`` or ``.svg``.
        width: greatest width of the picture in inches, if no single word needs more.
        resolution: dots an inch of a PNG.

    Raises:
        HierNLPError: the document has no sentence, or the path's suffix or folder will not do.

    Example:
        >>> from hiernlp.inference.document import Document, Sentence
        >>> document = Document(None, [Sentence(["Birds", "sing"], annotations={"upos": ["NOUN", "VERB"]})])
        >>> draw(document, "birds.svg")  # doctest: +SKIP
    """
    check_path(path)
    return save(figure(document, width=width), path, resolution=resolution)


def figure(document: Document, *, width: float = 18.0) -> Figure:
    """Return the picture as a matplotlib figure (see :func:`draw`)."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to import

    if not document.sentences:
        raise HierNLPError("the document has no sentence, so that there is nothing to draw")
    fonts = Fonts(str(document) + "".join(_short(word) for sentence in document.sentences for word in sentence.words))
    # Two passes: what a sentence needs decides the size of the figure, and artists need a figure.
    measure = measurer(fonts)
    labels = {c: _labels(document, c) for c in document.columns if _has_spans(document, c)}
    palette = colours([label for names in labels.values() for label in names])
    sections = [
        _Section(sentence, i, measure=measure, most=width * 72 - 2 * MARGIN - SIDE, palette=palette)
        for i, sentence in enumerate(document.sentences, 1)
    ]
    wide = max(section.width for section in sections) + 2 * MARGIN
    high = sum(section.height for section in sections) + MARGIN * (len(sections) + 1)
    result = Figure(figsize=(wide / 72, high / 72), facecolor="white")
    axes = result.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, wide)
    axes.set_ylim(high, 0)
    y, pen = MARGIN, Pen(axes, fonts)
    for i, section in enumerate(sections):
        if i:
            axes.plot([MARGIN, wide - MARGIN], [y - MARGIN / 2] * 2, color=FAINT, linewidth=0.8)
        section.draw(pen, MARGIN, y)
        y += section.height + MARGIN
    return result


class _Section:
    """One sentence: a line of labels and its rows of words."""

    def __init__(
        self,
        sentence: Sentence,
        number: int,
        *,
        measure: Measure,
        most: float,
        palette: Mapping[str, str],
    ) -> None:
        self.measure = measure
        self.title = show(sentence.row.get("sentence")) or f"sentence {number}"
        self.chips = [
            (column.replace("_", " "), show(sentence[column]), _probability(sentence, column))
            for column in sentence.columns
            if sentence.level(column) == "sentence"
        ]
        tags = [c for c in sentence.columns if sentence.level(c) == "token" and c not in _NOT_TAGS]
        cells = {column: [show(value) for value in sentence[column]] for column in tags}
        words = [_short(word) for word in sentence.words]
        widths = [
            max(measure(word, WORD_SIZE), 12.0, *(measure(cells[column][i], TAG_SIZE) for column in tags)) + GAP
            for i, word in enumerate(words)
        ]
        self.rows = [
            _Row(sentence, words, cells, widths=widths[start:end], start=start, measure=measure, palette=palette)
            for start, end in split_rows(widths, most=most)
        ]
        self.head = 26.0
        self.chip_ends = self._chip_places()
        self.width = max([row.width for row in self.rows] + self.chip_ends[-1:])
        self.height = self.head + sum(row.height for row in self.rows) + GAP * (len(self.rows) - 1)

    def _chip_places(self) -> list[float]:
        x, ends = max(SIDE, self.measure(self.title, TAG_SIZE) + GAP), []
        for name, value, probability in self.chips:
            x += self.measure(name, TAG_SIZE) + self.measure(_chip(value, probability), TAG_SIZE) + 34
            ends.append(x)
        return ends

    def draw(self, pen: Pen, x: float, y: float) -> None:
        """Draw the section with its upper left corner at (x, y)."""
        middle = y + 9
        pen.text(x, middle, self.title, size=TAG_SIZE, colour=MUTED, ha="left")
        for (name, value, probability), end, colour in zip(
            self.chips, self.chip_ends, _cycle(len(self.chips)), strict=True
        ):
            text = _chip(value, probability)
            right = x + end - 16
            left = right - self.measure(text, TAG_SIZE) - 12
            pen.text(left - 5, middle, name, size=TAG_SIZE, colour=MUTED, ha="right")
            pen.box(left, middle - 8, right, height=16, colour=colour, gid="label")
            pen.text((left + right) / 2, middle, text, size=TAG_SIZE)
        y += self.head
        for row in self.rows:
            row.draw(pen, x, y)
            y += row.height + GAP


class _Row:
    """The words of a sentence, or as many of them as fit beside each other."""

    def __init__(
        self,
        sentence: Sentence,
        words: Sequence[str],
        cells: Mapping[str, Sequence[str]],
        *,
        widths: Sequence[float],
        start: int,
        measure: Measure,
        palette: Mapping[str, str],
    ) -> None:
        end = start + len(widths)
        self.words = words[start:end]
        self.cells = {column: values[start:end] for column, values in cells.items()}
        self.palette = palette
        self.arcs, self.stubs = _tree(sentence, words, start, end)
        self.bars = _bars(sentence, start, end)
        label = partial(measure, size=LABEL_SIZE)
        self.levels = arc_levels(self.arcs)
        self.ports = ports(self.arcs, stubs=[word for word, _ in self.stubs], step=5.0)
        distances = [
            (*arc.ends, label(arc.label) + 16 + ends[0] - ends[1])
            for arc, ends in zip(self.arcs, self.ports.arcs, strict=True)
        ]
        # Labels of lines from above stand side by side.
        distances += [
            (first, second, (label(text) + label(other)) / 2 + 20)
            for (first, text), (second, other) in pairwise(self.stubs)
        ]
        bars = [(bar.start, bar.end, label(bar.text) + 14) for bars in self.bars.values() for bar in bars]
        wide = stretch(widths, arcs=distances, bars=bars)
        self.edges = [SIDE]
        for width in wide:
            self.edges.append(self.edges[-1] + width)
        self.width = max([self.edges[-1], *(self._centre(word) + label(text) / 2 + 8 for word, text in self.stubs)])
        lines = max(self.levels, default=0) + bool(self.stubs)
        self.arc_height = lines * LEVEL + 10 if lines else 0.0
        self.lane_counts = {column: max(lanes(bars), default=0) + 1 for column, bars in self.bars.items() if bars}
        self.height = self.arc_height + 20 + TAG * len(self.cells)
        self.height += sum(count * LANE + 5 for count in self.lane_counts.values())

    def _centre(self, word: int) -> float:
        return (self.edges[word] + self.edges[word + 1]) / 2

    def draw(self, pen: Pen, x: float, y: float) -> None:
        """Draw the row with its upper left corner at (x, y)."""
        ground = y + self.arc_height
        self._draw_tree(pen, x, ground)
        y = ground + 10
        for i, word in enumerate(self.words):
            pen.text(x + self._centre(i), y, word, size=WORD_SIZE)
        y += 4
        for place, (column, values) in enumerate(self.cells.items()):
            y += TAG
            pen.text(x, y, column, size=LABEL_SIZE, colour=MUTED, ha="left")
            for i, value in enumerate(values):
                pen.text(x + self._centre(i), y, value, size=TAG_SIZE, colour=MUTED if place else PALETTE[0])
        y += 10
        for column, bars in self.bars.items():
            if not bars:
                continue
            pen.text(x, y + LANE / 2, column, size=LABEL_SIZE, colour=MUTED, ha="left")
            for bar, lane in zip(bars, lanes(bars), strict=True):
                left, right, top = x + self.edges[bar.start] + 2, x + self.edges[bar.end] - 2, y + lane * LANE + 1.5
                pen.box(left, top, right, height=LANE - 3, colour=self.palette[bar.label], gid="span")
                pen.text((left + right) / 2, top + (LANE - 3) / 2, bar.text, size=LABEL_SIZE)
            y += self.lane_counts[column] * LANE + 5

    def _draw_tree(self, pen: Pen, x: float, ground: float) -> None:
        paper = {"facecolor": "white", "edgecolor": "none", "pad": 1.2}
        for arc, level, (shift_left, shift_right) in zip(self.arcs, self.levels, self.ports.arcs, strict=True):
            left, right = (x + self._centre(end) for end in arc.ends)
            corners = [(left + shift_left, ground), (right + shift_right, ground)]
            top = ground - 4 - level * LEVEL
            if arc.head > arc.dependent:
                corners.reverse()
            (from_x, _), (to_x, _) = corners
            points = [(from_x, ground), (from_x, top), (to_x, top), (to_x, ground)]
            pen.line(points, rounding=7, colour=MUTED, gid="arc")
            pen.text((from_x + to_x) / 2, top, arc.label, size=LABEL_SIZE, bbox=paper, zorder=4)
        top = ground - 4 - (max(self.levels, default=0) + 1) * LEVEL
        for word, text in self.stubs:
            middle = x + self._centre(word) + self.ports.stubs[word]
            pen.line([(middle, top), (middle, ground)], rounding=0, colour=MUTED, gid="stub")
            pen.text(middle, top, text, size=LABEL_SIZE, bbox=paper, zorder=4)


def _tree(sentence: Sentence, words: Sequence[str], start: int, end: int) -> tuple[list[Arc], list[tuple[int, str]]]:
    """Return a row's arcs, and what comes from above or from another row as (word, text); words of the row from 0."""
    heads = sentence.get("head")
    if heads is None:
        return [], []
    relations = sentence.get("deprel") or [None] * len(heads)
    arcs, stubs = [], []
    for i in range(start, end):
        head, label = heads[i], show(relations[i])
        if head is None:
            continue
        if head == 0:
            stubs.append((i - start, label or "root"))
        elif start < head <= end and head - 1 != i:
            arcs.append(Arc(head - 1 - start, i - start, label))
        else:
            stubs.append((i - start, f"{label} \u2190 {words[head - 1]}"))
    return arcs, stubs


def _bars(sentence: Sentence, start: int, end: int) -> dict[str, list[Bar]]:
    """Return what lies in a row of each column's spans; what goes on in another row ends in an ellipsis."""
    found: dict[str, list[Bar]] = {}
    for column in sentence.columns:
        if sentence.level(column) != "spans":
            continue
        found[column] = []
        for span in sentence.spans(column):
            if span.start < end and start < span.end:
                text = f"{show(span.label)} {show_probability(span.probability, None)}".rstrip()
                before, after = "…" if span.start < start else "", "…" if span.end > end else ""
                part = (max(span.start, start) - start, min(span.end, end) - start)
                found[column].append(Bar(*part, span.label, before + text + after))
    return found


def _has_spans(document: Document, column: str) -> bool:
    return any(s.get(column) is not None and s.level(column) == "spans" for s in document.sentences)


def _labels(document: Document, column: str) -> list[str]:
    return [span.label for s in document.sentences if s.get(column) is not None for span in s.spans(column)]


def _probability(sentence: Sentence, column: str) -> str:
    return show_probability(sentence.get(column + PROBABILITY), sentence[column])


def _chip(value: str, probability: str) -> str:
    return f"{value}  {probability}".rstrip() or "none"


def _cycle(count: int) -> list[str]:
    return [PALETTE[(i + 1) % len(PALETTE)] for i in range(count)]


def _short(word: str) -> str:
    text = show(word[: LONGEST + 1])
    return text if len(word) <= LONGEST else text[: LONGEST - 1] + "…"
