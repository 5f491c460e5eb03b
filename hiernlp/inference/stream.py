"""Any number of records through an analyzer, in order and in bounded memory.

Records are read into a window: at most ``look_ahead`` of them, and no more after about fifty batches' worth of text.
The sentences of a window are sorted by length, so that batches hold little padding, and analysed together; then comes
the next window. What is held at a time is a window and what was made of it, whatever the length of the whole; a record
that is longer than a window adds no more than its own size. Where one window ends depends on nothing but the records
from its beginning on, so that a stream that begins anew at the beginning of a window gives the same answers to the
last bit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from hiernlp.encoding.batches import POOL
from hiernlp.errors import DataError, HierNLPError
from hiernlp.inference.document import Document

if TYPE_CHECKING:
    from hiernlp.inference.base import BaseAnalyzer, Input

LOOK_AHEAD = 1000
"""Most records in a window, by default."""

CHARACTERS = 4
"""About how many characters a subword stands for, blanks included; windows are measured before they are encoded."""

ON_ERROR = ("raise", "skip")
R = TypeVar("R")


@dataclass(frozen=True)
class Outcome(Generic[R]):
    """What became of a record.

    Attributes:
        record: the record.
        document: its analysis; None if there is none.
        error: why there is none.
    """

    record: R
    document: Document | None = None
    error: HierNLPError | None = None


def windows(
    analyzer: BaseAnalyzer,
    records: Iterable[R],
    *,
    content: Callable[[R], Input],
    tasks: Sequence[str] | None,
    probabilities: bool = False,
    batch_tokens: int,
    look_ahead: int = LOOK_AHEAD,
) -> Iterator[list[Outcome[R]]]:
    """Analyse records window by window and yield what became of each, in order.

    Args:
        analyzer: the analyzer.
        records: the records; none is taken before its window is begun.
        content: what is to be analysed of a record; it may raise a :class:`HierNLPError`, the record's own error.
        tasks: the tasks wanted; by default all that read one sentence.
        probabilities: whether annotations have probabilities.
        batch_tokens: most subwords a batch, padding included.
        look_ahead: most records in a window.
    """
    most = POOL * batch_tokens * CHARACTERS
    window: list[Outcome[R]] = []
    size = 0
    for record in records:
        try:
            document = analyzer.split(content(record), batch_subwords=batch_tokens)
        except HierNLPError as error:
            window.append(Outcome(record, error=error))
        else:
            size += sum(len(word) + 1 for sentence in document.sentences for word in sentence.words)
            window.append(Outcome(record, document))
            del document  # else it would be held while the next window is read
        if len(window) == look_ahead or size >= most:
            yield _annotated(analyzer, window, tasks=tasks, probabilities=probabilities, batch_tokens=batch_tokens)
            window, size = [], 0
    if window:
        yield _annotated(analyzer, window, tasks=tasks, probabilities=probabilities, batch_tokens=batch_tokens)


def stream(
    analyzer: BaseAnalyzer,
    texts: Iterable[Input],
    *,
    tasks: Sequence[str] | None,
    probabilities: bool,
    batch_tokens: int,
    look_ahead: int,
    on_error: Literal["raise", "skip"],
    report: Callable[[int, HierNLPError], None] | None,
) -> Iterator[Document]:
    """Analyse texts and yield their documents in order (see :meth:`BaseAnalyzer.stream`)."""
    if on_error not in ON_ERROR:
        raise HierNLPError(f"on_error: expected {' or '.join(ON_ERROR)}, found {on_error!r}")
    check_size(look_ahead, what="look_ahead")
    check_size(batch_tokens, what="batch_tokens")
    told = report or _log
    found = windows(
        analyzer,
        enumerate(texts, start=1),
        content=lambda numbered: numbered[1],
        tasks=tasks,
        probabilities=probabilities,
        batch_tokens=batch_tokens,
        look_ahead=look_ahead,
    )

    def documents() -> Iterator[Document]:
        for window in found:
            # Taken out one by one: what the caller has let go of is held no longer.
            window.reverse()
            while window:
                outcome = window.pop()
                if outcome.document is not None:
                    yield outcome.document
                    continue
                assert outcome.error is not None
                if on_error == "raise":
                    raise DataError(f"input {outcome.record[0]}: {outcome.error}") from outcome.error
                told(outcome.record[0], outcome.error)

    return documents()


def check_size(number: Any, *, what: str) -> None:  # noqa: ANN401 - whatever the user gave
    """Check that a number is whole and positive.

    Raises:
        HierNLPError: it is not.
    """
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise HierNLPError(f"{what}: expected a whole number from 1 on, found {number!r}")


def _annotated(analyzer: BaseAnalyzer, window: list[Outcome[R]], **how: Any) -> list[Outcome[R]]:  # noqa: ANN401
    """Return a window's outcomes with their annotations."""
    readable = [outcome for outcome in window if outcome.document is not None]
    annotated = iter(_answers(analyzer, readable, **how))
    return [outcome if outcome.document is None else next(annotated) for outcome in window]


def _answers(
    analyzer: BaseAnalyzer,
    outcomes: list[Outcome[R]],
    *,
    tasks: Sequence[str] | None,
    probabilities: bool,
    batch_tokens: int,
) -> list[Outcome[R]]:
    documents = [outcome.document for outcome in outcomes if outcome.document is not None]
    try:
        found = analyzer.annotate(documents, tasks=tasks, probabilities=probabilities, batch_subwords=batch_tokens)
    except analyzer.out_of_memory:
        if len(outcomes) == 1:
            longest = max(len(sentence) for sentence in documents[0].sentences)
            error = DataError(f"the memory does not suffice for it; its longest sentence has {longest:,} words")
            return [Outcome(outcomes[0].record, error=error)]
    else:
        return [Outcome(o.record, document) for o, document in zip(outcomes, found, strict=True)]
    # One sentence may be too long for the memory; what stands beside it is not lost.
    return [
        answer
        for outcome in outcomes
        for answer in _answers(analyzer, [outcome], tasks=tasks, probabilities=probabilities, batch_tokens=batch_tokens)
    ]


def _log(number: int, error: HierNLPError) -> None:
    logging.getLogger(__name__).warning("input %d is left out: %s", number, error)
