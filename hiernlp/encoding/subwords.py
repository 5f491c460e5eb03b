"""Words to subwords, with the alignment between them; every word has at least one subword."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from hiernlp.encoding.letter_case import case_of
from hiernlp.errors import HierNLPError
from hiernlp.settings import Settings

MOST_CHARACTERS = 1000
"""Characters of a word that are read; no tokenizer makes sense of more, and some take time that grows faster."""

MOST_KNOWN = 50_000
"""Words whose subwords are kept in memory."""


class EncodingSettings(Settings):
    """How words become subwords and batches."""

    subword: Literal["first", "mean"] = "first"
    """What stands for a word: its first subword's state, or the mean of all its subwords' states."""
    window: int | None = Field(default=None, ge=8)
    """Most subwords a run holds, special ones included; longer sentences go through overlapping windows. By default
    what the encoder allows."""
    letter_case: bool = False
    """Add a learned embedding of each word's letter case to its subwords' embeddings, zero at first: for encoders whose
    tokenizer takes the case away (uncased ones), as tags and names depend on it. It is learnt even where layers are
    frozen."""
    pad_to_multiple: int = Field(default=1, ge=1)
    """Pad lengths up to a multiple of this many subwords, so that compiled code and tensor cores see few lengths."""


@dataclass(frozen=True)
class Subwords:
    """One sentence as subwords without special ones.

    Attributes:
        ids: the subwords of all words in order.
        lengths: number of subwords of each word, at least one.
        cases: class of each word's letter case, for an encoder that reads it.
    """

    ids: list[int]
    lengths: list[int]
    cases: list[int] | None = None


@dataclass(frozen=True)
class JointLayout:
    """How a tokenizer joins two sentences in one row.

    Attributes:
        before: special subwords before the first sentence.
        between: special subwords between the two.
        after: special subwords after the second.
        types: token types of ``before``, the first sentence, ``between``, the second sentence and ``after``; None for
            an encoder that has no token types.
    """

    before: list[int]
    between: list[int]
    after: list[int]
    types: tuple[list[int], int, list[int], int, list[int]] | None = None

    @property
    def special(self) -> int:
        """Number of special subwords."""
        return len(self.before) + len(self.between) + len(self.after)


@dataclass(frozen=True)
class SpecialSubwords:
    """The subwords of a tokenizer that stand for no word.

    Attributes:
        prefix: those before one sentence.
        suffix: those after it.
        joint: those around and between two sentences.
        unknown: the one that stands for a word that the tokenizer maps to nothing.
        padding: the one that fills rows up.
    """

    prefix: list[int]
    suffix: list[int]
    joint: JointLayout
    unknown: int
    padding: int

    @classmethod
    def of(cls, tokenizer: Any) -> SpecialSubwords:  # noqa: ANN401 - a class per tokenizer
        """Return those of a tokenizer of transformers.

        Raises:
            HierNLPError: no subword can stand for an unknown word.
        """
        prefix, suffix = _special_ids(tokenizer)
        stand_ins = (tokenizer.unk_token_id, tokenizer.mask_token_id, tokenizer.pad_token_id)
        unknown = next((i for i in stand_ins if i is not None), None)
        if unknown is None:
            raise HierNLPError("encoder.name: the tokenizer has no unknown, mask or padding subword")
        return cls(
            prefix,
            suffix,
            joint=_joint_layout(tokenizer) or JointLayout(prefix, [*suffix, *prefix], suffix),
            unknown=unknown,
            padding=tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0,
        )


class SubwordEncoder:
    """A fast tokenizer with what is needed to lay out its subwords.

    Args:
        tokenizer: a fast tokenizer of transformers.
        limit: most subwords in one run of the encoder, special ones included.
        letter_case: whether the model reads the words' letter case, too.
        special: the tokenizer's special subwords, where they are known; by default it is asked for them.

    Raises:
        HierNLPError: the tokenizer is slow, or has no subword that can stand for an unknown word.
    """

    def __init__(
        self,
        tokenizer: Any,  # noqa: ANN401 - a class per tokenizer
        *,
        limit: int,
        letter_case: bool = False,
        special: SpecialSubwords | None = None,
    ) -> None:
        if not tokenizer.is_fast:
            raise HierNLPError(
                f"encoder.name: {type(tokenizer).__name__} is not a fast tokenizer, which word alignment needs"
            )
        self.tokenizer = tokenizer
        self.limit = limit
        self.letter_case = letter_case
        self.special = special or SpecialSubwords.of(tokenizer)
        self.prefix, self.suffix, self.joint = self.special.prefix, self.special.suffix, self.special.joint
        self.unknown, self.padding = self.special.unknown, self.special.padding
        self.size = limit - len(self.prefix) - len(self.suffix)
        self.most_subwords = max(1, self.size // 4)
        self._known: dict[str, list[int]] = {}

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        limit: int,
        revision: str | None = None,
        config: Any = None,  # noqa: ANN401 - every architecture has its own
        letter_case: bool = False,
    ) -> SubwordEncoder:
        """Load a tokenizer from a folder or the hub, for the encoder of a configuration, by default the one there."""
        from transformers import AutoTokenizer  # noqa: PLC0415 - heavy

        options = {"revision": revision or "main", "use_fast": True, "trust_remote_code": False}
        options |= {"config": config} if config is not None else {}
        try:
            tokenizer = AutoTokenizer.from_pretrained(str(name), **options)
            byte_level = '"ByteLevel"' in tokenizer.backend_tokenizer.to_str()[:100_000]
            if byte_level and not getattr(tokenizer, "add_prefix_space", True):
                # A word given by itself must look like one after a space, as in running text.
                tokenizer = AutoTokenizer.from_pretrained(str(name), add_prefix_space=True, **options)
        except (OSError, ValueError, ImportError) as error:
            first = str(error).strip().splitlines()[0]
            raise HierNLPError(f"encoder.name: no tokenizer can be loaded from {str(name)!r} ({first})") from error
        return cls(tokenizer, limit=limit, letter_case=letter_case)

    def encode(self, sentences: Sequence[Sequence[str]]) -> list[Subwords]:
        """Return the subwords of each sentence, given as words.

        A word that the tokenizer drops (zero-width characters, say) gets the unknown subword; a word of very many
        subwords keeps the first quarter of a window of them.
        """
        known = self._subwords_of({word for words in sentences for word in words})
        found: list[Subwords] = []
        for words in sentences:
            pieces = [known[word] for word in words]
            cases = [case_of(word[:MOST_CHARACTERS]) for word in words] if self.letter_case else None
            found.append(Subwords(list(chain.from_iterable(pieces)), list(map(len, pieces)), cases))
        return found

    def _subwords_of(self, words: set[str]) -> Mapping[str, list[int]]:
        """Return the subwords by word.

        Tokenizers encode each given word by itself, so that words met before need not be encoded again.
        """
        known = self._known
        unseen = [word for word in words if word not in known]
        if not unseen:
            return known
        if len(known) + len(unseen) > MOST_KNOWN:
            # Another one, as a thread beside this one may be reading the old one.
            known = self._known = {word: known[word] for word in words if word in known}
        encoded = self.tokenizer(
            [[word[:MOST_CHARACTERS]] for word in unseen],
            is_split_into_words=True,
            add_special_tokens=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )
        for word, encoding in zip(unseen, encoded.encodings, strict=True):
            known[word] = encoding.ids[: self.most_subwords] or [self.unknown]
        return known


def _special_ids(tokenizer: Any) -> tuple[list[int], list[int]]:  # noqa: ANN401
    """Return the special subwords that the tokenizer puts before and after one sentence."""
    inner = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole = tokenizer("a")["input_ids"]
    for at in range(len(whole) - len(inner) + 1):
        if whole[at : at + len(inner)] == inner:
            return whole[:at], whole[at + len(inner) :]
    return [], []


def _joint_layout(tokenizer: Any) -> JointLayout | None:  # noqa: ANN401
    """Return how the tokenizer joins two sentences; None if that cannot be told."""
    first, second = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("a", "b"))
    whole = tokenizer("a", "b")
    ids: list[int] = whole["input_ids"]
    begins = [at for at in range(len(ids)) if ids[at : at + len(first)] == first]
    for start in begins[:1]:
        end = start + len(first)
        for at in range(end, len(ids)):
            stop = at + len(second)
            if ids[at:stop] == second:
                types: list[int] = whole.get("token_type_ids") or []
                of_each = (types[:start], types[start], types[end:at], types[at], types[stop:]) if types else None
                return JointLayout(ids[:start], ids[end:at], ids[stop:], of_each)
    return None
