"""Changed copies of sentences, for tasks that are to tell what is missing or was changed.

Sources: masked language modelling (Devlin et al. 2019, section 3.1), here by whole words: all subwords of a chosen word
change together, so that none tells of another, and special subwords are never touched; replaced-token detection (Clark
et al. 2020, ELECTRA), here with words drawn by their frequency in place of a generator's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from hiernlp.encoding.subwords import SubwordEncoder, Subwords
from hiernlp.errors import HierNLPError
from hiernlp.settings import Settings

ORIGINAL, REPLACED = "original", "replaced"
"""What a task with ``answer: replaced`` says of a word."""


class ViewSettings(Settings):
    """What a task reads instead of the sentences themselves, in a run of the encoder of its own."""

    mask: float = Field(default=0.0, ge=0, le=1)
    """Share of the words that are hidden; a task that labels words learns these alone."""
    random: float = Field(default=0.1, ge=0, le=1)
    """Share of the hidden words that become another word of the batch, not the mask."""
    kept: float = Field(default=0.1, ge=0, le=1)
    """Share of the hidden words that are left as they are, so that the task answers for words that it sees, too."""
    answer: Literal["hidden", "all", "replaced"] = "hidden"
    """For a task that labels words: whether it answers for the hidden words alone, for all words (an autoencoder that
    reads hidden and plain ones), or says of every word whether it was replaced (the label maker ``replaced``)."""
    hide: str | None = None
    """Always hide the words of this list (see the label maker ``lexicon``): whoever learns from such words must then
    look at what surrounds them (Yu and Jiang 2016)."""

    @model_validator(mode="after")
    def _something_changes(self) -> ViewSettings:
        if not self.mask and self.hide is None:
            raise ValueError("expected `mask`, a share of the words, or `hide`, a list of words; found neither")
        if self.random + self.kept > 1:
            raise ValueError(f"expected random + kept of at most 1, found {self.random + self.kept:g}")
        return self


@dataclass(frozen=True)
class Corrupted:
    """Changed sentences.

    Attributes:
        sentences: their subwords.
        chosen: for each sentence which of its words were drawn by ``mask``; None if none are drawn.
        replaced: for each sentence which of its words are no longer what they were.
    """

    sentences: list[Subwords]
    chosen: list[list[bool]] | None
    replaced: list[list[bool]]


@dataclass(frozen=True)
class Word:
    """A word that may stand in another's place.

    Attributes:
        ids: its subwords.
        case: its letter case, where that is read.
    """

    ids: list[int]
    case: int | None


def words_of(sentences: Sequence[Subwords]) -> list[Word]:
    """Return all words of some sentences, from which others are drawn by their frequency."""
    found: list[Word] = []
    for s in sentences:
        ends = np.concatenate([[0], np.cumsum(s.lengths)]).tolist()
        found += [Word(s.ids[a:b], None if s.cases is None else s.cases[n]) for n, (a, b) in enumerate(pairwise(ends))]
    return found


@dataclass(frozen=True)
class Corruption:
    """Changes sentences, the same way for the same seed.

    Attributes:
        settings: what is changed.
        mask: the subword that hides others.
        hidden: the words of ``settings.hide``, in lower case.
    """

    settings: ViewSettings
    mask: int
    hidden: frozenset[str] = frozenset()

    @classmethod
    def of(cls, settings: ViewSettings, encoder: SubwordEncoder, *, hidden: frozenset[str] = frozenset()) -> Corruption:
        """Return the corruption for an encoder.

        Raises:
            HierNLPError: its tokenizer has no mask.
        """
        mask: Any = encoder.tokenizer.mask_token_id
        if mask is None:
            raise HierNLPError(
                "encoder.name: a task with a `view` hides words, but the tokenizer has no mask subword; use an encoder "
                "that was trained with one, such as BERT's kin"
            )
        return cls(settings, int(mask), hidden)

    def __call__(
        self,
        sentences: Sequence[Subwords],
        words: Sequence[Sequence[str]],
        *,
        seed: Sequence[int],
        pool: Sequence[Word] | None = None,
    ) -> Corrupted:
        """Return changed copies of sentences.

        Args:
            sentences: the sentences' subwords.
            words: their words.
            seed: numbers of 0 or more that decide what is drawn.
            pool: the words that others may become; by default those of the sentences.
        """
        generator = np.random.default_rng(list(seed))
        bounds = [np.concatenate([[0], np.cumsum(s.lengths)]) for s in sentences]
        pool = words_of(sentences) if pool is None else pool
        made: list[Subwords] = []
        chosen: list[list[bool]] = []
        replaced: list[list[bool]] = []
        for sentence, of_words, ends in zip(sentences, words, bounds, strict=True):
            drawn = generator.random(len(of_words)) < self.settings.mask
            fates = generator.random(len(of_words))
            others = generator.integers(len(pool), size=len(of_words))
            parts: list[list[int]] = []
            cases = None if sentence.cases is None else list(sentence.cases)
            for n, word in enumerate(of_words):
                part = sentence.ids[ends[n] : ends[n + 1]]
                hidden = word.lower() in self.hidden
                if not hidden and drawn[n] and fates[n] < self.settings.random:
                    other = pool[others[n]]
                    part = other.ids
                    if cases is not None and other.case is not None:
                        cases[n] = other.case
                elif hidden or (drawn[n] and fates[n] >= self.settings.random + self.settings.kept):
                    # One mask however long the word is: its length would tell of it, as would its letter case.
                    part = [self.mask]
                    if cases is not None:
                        cases[n] = 0
                parts.append(part)
            changed = Subwords([i for part in parts for i in part], [len(part) for part in parts])
            made.append(replace(changed, cases=cases))
            chosen.append(drawn.tolist())
            # A word that happens to become itself is none that could be found out.
            replaced.append([part != sentence.ids[ends[n] : ends[n + 1]] for n, part in enumerate(parts)])
        return Corrupted(made, chosen if self.settings.mask else None, replaced)
