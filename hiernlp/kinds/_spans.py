"""Spans of words: reading rows, scores and baselines shared by the kinds of spans."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from hiernlp.decoding._spans import Span, as_annotation, reading_order, select
from hiernlp.errors import DataError
from hiernlp.kinds._base import Annotation, Row
from hiernlp.kinds._scoring import precision_recall_f1

NO_SPAN = "no span"
"""Stands in confusions for the missing half of a span that only gold or only the prediction has."""


def spans_of(row: Row, column: str) -> list[Span] | None:
    """Return a row's spans in reading order, without repetitions; None if the row lacks them.

    Raises:
        DataError: a span is empty or reaches past the sentence.
    """
    spans = row.get(column)
    if spans is None:
        return None
    words = len(row["words"])
    for span in spans:
        if not 0 <= span["start"] < span["end"] <= words:
            raise DataError(
                f"a span of {column!r} must lie within the sentence's {words} words and hold at least one "
                f"(0 <= start < end <= {words}), found {span['label']!r} with start {span['start']} and end "
                f"{span['end']}; correct the span",
                file=row.get("file"),
                line=row.get("line"),
            )
    return reading_order({(span["start"], span["end"], span["label"]) for span in spans})


def overlap(spans: Sequence[Span]) -> tuple[Span, Span] | None:
    """Return two spans (of spans in reading order) that share a word, or None."""
    return next(((a, b) for a, b in pairwise(spans) if b[0] < a[1]), None)


def matched_pairs(gold: Sequence[Span], predicted: Sequence[Span]) -> list[tuple[str, str]]:
    """Return (gold label, predicted label) of a sentence's spans with the same words, :data:`NO_SPAN` where one lacks.

    Where several labels stand on the same words, equal ones are paired first.
    """
    by_words: defaultdict[tuple[int, int], tuple[Counter[str], Counter[str]]] = defaultdict(
        lambda: (Counter(), Counter())
    )
    for side, spans in enumerate((gold, predicted)):
        for start, end, label in set(spans):
            by_words[start, end][side][label] += 1
    pairs: list[tuple[str, str]] = []
    for ours, theirs in by_words.values():
        both = ours & theirs
        pairs += [(label, label) for label in both.elements()]
        rest, other = sorted((ours - both).elements()), sorted((theirs - both).elements())
        paired = min(len(rest), len(other))
        pairs += zip(rest, other, strict=False)
        pairs += [(label, NO_SPAN) for label in rest[paired:]] + [(NO_SPAN, label) for label in other[paired:]]
    return pairs


def exact_match(pairs: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Return micro precision, recall and F1 of exactly matching spans, and F1 whatever the label (``span_f1``)."""
    gold = sum(g != NO_SPAN for g, _ in pairs)
    predicted = sum(p != NO_SPAN for _, p in pairs)
    labelled = precision_recall_f1(correct=sum(g == p for g, p in pairs), predicted=predicted, gold=gold)
    placed = sum(NO_SPAN not in pair for pair in pairs)
    return {
        "precision": labelled["precision"],
        "recall": labelled["recall"],
        "f1": labelled["f1"],
        "span_f1": precision_recall_f1(correct=placed, predicted=predicted, gold=gold)["f1"],
        "spans": float(gold),
    }


def known_phrases(rows: Iterable[Row], *, column: str, nested: bool, longest: int = 5) -> Callable[[Row], Annotation]:
    """Return the baseline of spans: word sequences that were a span more often than not, with their commonest label.

    Sequences of up to ``longest`` words count; the longest match is taken first.
    """
    annotated = [(row["words"], spans) for row in rows if (spans := spans_of(row, column)) is not None]
    labels: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    as_span: Counter[tuple[str, ...]] = Counter()
    for words, spans in annotated:
        for start, end, label in spans:
            if end - start <= longest:
                labels[tuple(words[start:end])][label] += 1
        as_span.update(tuple(words[start:end]) for start, end in {span[:2] for span in spans} if end - start <= longest)
    seen: Counter[tuple[str, ...]] = Counter()
    for words, _ in annotated:
        seen.update(phrase for _, _, phrase in _phrases(words, longest) if phrase in as_span)
    known = {
        phrase: labels[phrase].most_common(1)[0][0] for phrase, count in as_span.items() if 2 * count > seen[phrase]
    }

    def annotate(row: Row) -> Annotation:
        words = row["words"]
        found = [
            (float(end - start), (start, end, known[phrase]))
            for start, end, phrase in _phrases(words, longest)
            if phrase in known
        ]
        return {column: as_annotation(select(found, words=len(words), nested=nested))}

    return annotate


def _phrases(words: Sequence[str], longest: int) -> Iterable[tuple[int, int, tuple[str, ...]]]:
    for start in range(len(words)):
        for end in range(start + 1, min(start + longest, len(words)) + 1):
            yield start, end, tuple(words[start:end])
