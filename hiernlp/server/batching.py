"""Requests that wait at the same time are analysed together: one queue, one thread that calls the analyzer."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hiernlp.inference.document import Document

if TYPE_CHECKING:
    from hiernlp.inference.base import BaseAnalyzer
    from hiernlp.server.metrics import Metrics


class BusyError(Exception):
    """As many requests wait as may wait."""


class LateError(Exception):
    """A request could not be answered in time."""


class ClosedError(Exception):
    """The service is shutting down."""


@dataclass(frozen=True)
class Question:
    """What is asked of texts or pairs; those asked the same can be analysed together.

    Attributes:
        tasks: the tasks.
        pairs: whether pairs of sentences are judged.
        probabilities: whether probabilities are wanted.
    """

    tasks: tuple[str, ...]
    pairs: bool = False
    probabilities: bool = False


@dataclass(eq=False)
class Job:
    """One request's texts or pairs.

    Attributes:
        question: what is asked of them.
        inputs: texts, or pairs.
        deadline: by when work on them must have begun, on the clock of :func:`time.monotonic`.
        answer: will hold a document for each text, or one for all pairs; whoever cancels it wants no answer any more.
    """

    question: Question
    inputs: Sequence[Any]
    deadline: float
    answer: Future[list[Document]] = field(default_factory=Future)

    @property
    def size(self) -> int:
        """Characters of all inputs."""
        return characters(self.inputs)


def characters(value: Any) -> int:  # noqa: ANN401 - strings in any number of lists
    """Return how many characters there are in a string, or in all strings of nested lists."""
    return len(value) if isinstance(value, str) else sum(map(characters, value))


class Batcher:
    """A bounded queue and the one thread that works it off, first come, first served.

    With the request that has waited longest it analyses all others that ask the same, up to a number of characters; so
    a batch grows with the load, and a lone request waits for nobody.

    Args:
        analyzer: the analyzer.
        waiting: most requests that may wait.
        batch_characters: about the most characters analysed together.
    """

    def __init__(self, analyzer: BaseAnalyzer, *, waiting: int, batch_characters: int) -> None:
        self.analyzer = analyzer
        self.limit = waiting
        self.batch_characters = batch_characters
        self.metrics: Metrics | None = None
        self._queue: deque[Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to work, for the first time or after :meth:`close`."""
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="hiernlp-analyzer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Refuse what waits and what comes; return when the batch under way is done."""
        with self._changed:
            self._closed = True
            waiting = list(self._queue)
            self._queue.clear()
            self._changed.notify_all()
        for job in waiting:
            _settle(job, ClosedError())
        if self._thread is not None:
            self._thread.join()

    @property
    def closed(self) -> bool:
        """Whether it takes no more requests."""
        return self._closed

    def __len__(self) -> int:
        return len(self._queue)

    def submit(self, job: Job) -> None:
        """Put a request into the queue.

        Raises:
            BusyError: as many wait as may.
            ClosedError: the service is shutting down.
        """
        with self._changed:
            if self._closed:
                raise ClosedError
            if len(self._queue) >= self.limit:
                self._drop_the_gone()
            if len(self._queue) >= self.limit:
                raise BusyError
            self._queue.append(job)
            self._changed.notify()

    def _work(self) -> None:
        while jobs := self._next():
            self._analyze(jobs)

    def _next(self) -> list[Job]:
        """Wait for requests and return those that are analysed next; none when all is over."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closed)
                self._drop_the_gone()
                if self._queue:
                    return self._together()
                if self._closed:
                    return []

    def _together(self) -> list[Job]:
        question, room = self._queue[0].question, self.batch_characters
        chosen: list[Job] = []
        for job in self._queue:
            if job.question == question and (not chosen or job.size <= room):
                chosen.append(job)
                room -= job.size
        kept = [job for job in self._queue if job not in chosen]
        self._queue.clear()
        self._queue.extend(kept)
        # From here on an answer can no longer be cancelled; whose was before, drops out.
        return [job for job in chosen if job.answer.set_running_or_notify_cancel()]

    def _drop_the_gone(self) -> None:
        now, kept = time.monotonic(), []
        for job in self._queue:
            if job.answer.cancelled():
                self._count_dropped("hung up")
            elif job.deadline < now:
                self._count_dropped("late")
                _settle(job, LateError())
            else:
                kept.append(job)
        self._queue.clear()
        self._queue.extend(kept)

    def _count_dropped(self, why: str) -> None:
        if self.metrics:
            self.metrics.dropped.labels(why).inc()

    def _analyze(self, jobs: list[Job]) -> None:
        start = time.perf_counter()
        try:
            answers = self._ask(jobs)
        except Exception as error:  # whatever it is, the thread must live on, and each request must have an answer
            if len(jobs) == 1:
                jobs[0].answer.set_exception(error)
                return
            for job in jobs:  # one of them is to blame; the others must not suffer
                self._analyze([job])
            return
        if self.metrics:
            self.metrics.batch_seconds.observe(time.perf_counter() - start)
            self.metrics.batch_requests.observe(len(jobs))
            self.metrics.batch_texts.observe(sum(len(job.inputs) for job in jobs))
            self.metrics.words.inc(sum(len(s) for documents in answers for d in documents for s in d))
        for job, documents in zip(jobs, answers, strict=True):
            job.answer.set_result(documents)

    def _ask(self, jobs: list[Job]) -> list[list[Document]]:
        """Return each request's documents, by one call of the analyzer."""
        question = jobs[0].question
        options = {"tasks": question.tasks, "probabilities": question.probabilities}
        inputs = [item for job in jobs for item in job.inputs]
        if question.pairs:
            judged = iter(self.analyzer.pairs(inputs, **options))
            return [[Document(None, [next(judged) for _ in job.inputs])] for job in jobs]
        documents = iter(self.analyzer.documents(inputs, **options))
        return [[next(documents) for _ in job.inputs] for job in jobs]


def _settle(job: Job, error: Exception) -> None:
    if job.answer.set_running_or_notify_cancel():
        job.answer.set_exception(error)
