"""Documents of spaCy: what an analysis found, put where spaCy's users look for it.

- ``upos``, ``xpos``, ``lemma`` and ``feats`` become ``pos_``, ``tag_``, ``lemma_`` and ``morph``; what is no universal
  part of speech leaves ``pos_`` empty. ``head`` and ``deprel`` become ``head`` and ``dep_``, where the root is called
  ``ROOT``. Any other column of words is in ``token._.hiernlp``, probabilities are there too.
- Each column of spans is ``doc.spans[column]``, with their probabilities in ``attrs["probabilities"]``. Those of the
  column ``entities`` are ``doc.ents`` as well; where they share a word, the longest (of equals, the first) is taken.
- What is said of a sentence is in ``sentence._.hiernlp``, a mapping by column, and in ``doc.cats`` under
  ``column=label``: the mean over the document's sentences of the label's probability, where that is known, or else 1
  for the sentences that have the label and 0 for the others. A number is in ``doc.cats`` under its column, as its mean.
- Sentences begin where the analysis began them, or where the document had them begin. White space that is a token of
  its own hangs on the word before it, or on the one after it where it begins a sentence.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from spacy.attrs import DEP, HEAD
from spacy.language import BaseDefaults
from spacy.parts_of_speech import IDS as UNIVERSAL
from spacy.tokens import Doc, SpanGroup, Token
from spacy.tokens import Span as DocSpan
from spacy.util import filter_spans
from spacy.vocab import Vocab, create_vocab

from hiernlp.errors import HierNLPError
from hiernlp.inference.document import PROBABILITY
from hiernlp.inference.writers._block import gaps_of

if TYPE_CHECKING:
    from hiernlp.inference.document import Document, Sentence

EXTENSION = "hiernlp"
"""Name of the extension attribute of tokens and spans."""
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_STAND_IN = "\ufffd"
_TREE = ("head", "deprel")

for _place in (Token, DocSpan):
    if not _place.has_extension(EXTENSION):
        _place.set_extension(EXTENSION, default={})


def to_doc(document: Document, vocab: Vocab | None = None, *, entities: str = "entities") -> Doc:
    """Return an analysis as a document of spaCy.

    Where the raw text is known, the text of the result is that text, white space included, so that offsets mean the
    same in both; a lone surrogate, which spaCy cannot hold, becomes U+FFFD. Where the words of a multiword token do not
    spell it (*del*: *de*, *el*), they stand in its place, and offsets after it are moved. Words without raw text are
    joined by blanks.

    Args:
        document: the analysis.
        vocab: the vocabulary, by default a new one that knows no language.
        entities: the column of spans that become ``Doc.ents``.

    Raises:
        HierNLPError: the document holds pairs of sentences.
    """
    if any(sentence.second is not None for sentence in document.sentences):
        raise HierNLPError("a document of spaCy holds single sentences, found pairs; use to_dict")
    words: list[str] = []
    spaces: list[bool] = []
    places: list[list[int]] = []

    def add(text: str, *, space: bool) -> None:
        words.append(_SURROGATE.sub(_STAND_IN, text) or _STAND_IN)
        spaces.append(space)

    starts = document.sentences[0].word_starts if document.sentences else None
    text = document.text or ""
    if leading := text[: starts[0]] if starts else text:
        add(leading, space=False)
    for index, sentence in enumerate(document.sentences):
        places.append([])
        for word, gap in zip(sentence.words, _known(gaps_of(document, index), document, index), strict=True):
            places[-1].append(len(words))
            add(word, space=gap.startswith(" "))
            if rest := gap.removeprefix(" "):
                add(rest, space=False)
    doc = Doc(create_vocab(None, BaseDefaults) if vocab is None else vocab, words=words, spaces=spaces)
    annotate(doc, document.sentences, places=places, entities=entities)
    return doc


def _known(gaps: list[str | None], document: Document, index: int) -> list[str]:
    """Return what stands between words, a blank where that is not known, and at the end what is left of the text."""
    last = index + 1 == len(document.sentences)
    sentence = document.sentences[index]
    rest = ""
    if last and document.text is not None and sentence.word_starts is not None:
        bounds = sentence.word_ends
        rest = document.text[bounds[-1] if bounds else sentence.word_starts[-1] + len(sentence.words[-1]) :]
    return [" " if gap is None else gap for gap in gaps[:-1]] + [
        gap if gap is not None else rest if last else " " for gap in gaps[-1:]
    ]


def annotate(
    doc: Doc, sentences: Sequence[Sentence], *, places: Sequence[Sequence[int]], entities: str = "entities"
) -> None:
    """Write annotations into a document of spaCy; what they do not speak of stays as it was there.

    Args:
        doc: the document.
        sentences: what was found.
        places: for each sentence, which token each of its words is; tokens that are no words are white space.
        entities: the column of spans that become ``Doc.ents``.
    """
    _write_sentences(doc, sentences, places)
    for sentence, at in zip(sentences, places, strict=True):
        _write_tags(doc, sentence, at)
    _write_spaces(doc, sentences, places)
    _write_spans(doc, sentences, places, entities)
    cats = _cats(sentences)
    if cats:
        doc.cats = {**doc.cats, **cats}
    for sentence, at in zip(sentences, places, strict=True):
        said = {
            key: _plain(sentence[key])
            for column in sentence.columns
            if sentence.level(column) == "sentence"
            for key in (column, column + PROBABILITY)
            if key in sentence
        }
        if said:
            # The span that `doc.sents` gives: white space at a sentence's end is part of it.
            doc[at[0]].sent._.set(EXTENSION, said)


def _write_sentences(doc: Doc, sentences: Sequence[Sentence], places: Sequence[Sequence[int]]) -> None:
    """Set the tree where there is one, and with it where sentences begin; otherwise the latter alone."""
    if sentences and all(
        _holds(sentence, column) and None not in sentence[column] for sentence in sentences for column in _TREE
    ):
        heads = np.array(_hung(doc, places), dtype=np.int64) - np.arange(len(doc))
        relations = np.full(len(doc), doc.vocab.strings.add("dep"), dtype=np.uint64)
        for sentence, at in zip(sentences, places, strict=True):
            for token, head, relation in zip(at, sentence["head"], sentence["deprel"], strict=True):
                heads[token] = at[head - 1] - token if head else 0
                relations[token] = doc.vocab.strings.add(relation if head else "ROOT")
        both: Any = np.stack([heads.view(np.uint64), relations], axis=1)
        doc.from_array([HEAD, DEP], both)
    elif not doc.has_annotation("SENT_START"):
        begins = {0, *(at[0] for at in places[1:])}
        for token in doc:
            token.is_sent_start = token.i in begins


def _hung(doc: Doc, places: Sequence[Sequence[int]]) -> list[int]:
    """Return what each token hangs on: white space on the word before it, or after it where it begins a sentence.

    Words hang on themselves.
    """
    words = {token for at in places for token in at}
    heads = list(range(len(doc)))
    waiting: list[int] = []
    before: int | None = None
    for token in doc:
        if token.i in words:
            for space in waiting:
                heads[space] = token.i
            waiting, before = [], token.i
        elif before is None or waiting or token.is_sent_start:
            waiting = [token.i] if token.is_sent_start else [*waiting, token.i]
        else:
            heads[token.i] = before
    for space in waiting:
        heads[space] = waiting[0]
    return heads


def _holds(sentence: Sentence, column: str) -> bool:
    return column in sentence.columns and sentence.level(column) == "token"


def _write_tags(doc: Doc, sentence: Sentence, at: Sequence[int]) -> None:
    for column in sentence.columns:
        if sentence.level(column) != "token":
            continue
        for place, tag in zip(at, sentence.tags(column), strict=True):
            token = doc[place]
            if column not in _TREE and tag.label is not None:
                _write_tag(token, column, tag.label)
            if tag.probability is not None:
                token._.set(EXTENSION, {**token._.get(EXTENSION), column + PROBABILITY: float(tag.probability)})


def _write_tag(token: Token, column: str, label: Any) -> None:  # noqa: ANN401 - a string or a whole number
    if column == "upos":
        token.pos_ = label if label in UNIVERSAL else ""
    elif column == "xpos":
        token.tag_ = label
    elif column == "lemma":
        token.lemma_ = _SURROGATE.sub(_STAND_IN, label)
    elif column == "feats":
        token.set_morph("" if label == "_" else label)  # pyright: ignore[reportAttributeAccessIssue] - lacks a stub
    else:
        token._.set(EXTENSION, {**token._.get(EXTENSION), column: label})


def _write_spaces(doc: Doc, sentences: Sequence[Sentence], places: Sequence[Sequence[int]]) -> None:
    """Tag white space as spaCy's own pipelines do."""
    words = {token for at in places for token in at}
    for token in doc:
        if token.i not in words:
            if any(_holds(sentence, "upos") for sentence in sentences):
                token.pos_ = "SPACE"
            if any(_holds(sentence, "xpos") for sentence in sentences):
                token.tag_ = "_SP"


def _write_spans(doc: Doc, sentences: Sequence[Sentence], places: Sequence[Sequence[int]], entities: str) -> None:
    found: dict[str, list[DocSpan]] = {}
    chances: dict[str, list[float]] = defaultdict(list)
    for sentence, at in zip(sentences, places, strict=True):
        for column in sentence.columns:
            if sentence.level(column) != "spans":
                continue
            spans = sentence.spans(column)
            found.setdefault(column, []).extend(
                DocSpan(doc, at[span.start], at[span.end - 1] + 1, label=span.label) for span in spans
            )
            chances[column] += [float(span.probability) for span in spans if span.probability is not None]
    for column, spans in found.items():
        attributes = {"probabilities": chances[column]} if len(chances[column]) == len(spans) > 0 else {}
        doc.spans[column] = SpanGroup(doc, name=column, spans=spans, attrs=attributes)
        if column == entities:
            doc.set_ents(filter_spans(spans))


def _cats(sentences: Sequence[Sentence]) -> dict[str, float]:
    by_column: dict[str, list[dict[str, float]]] = defaultdict(list)
    for sentence in sentences:
        for column in sentence.columns:
            if sentence.level(column) == "sentence":
                by_column[column].append(_shares(sentence, column))
    cats: dict[str, float] = {}
    for shares in by_column.values():
        for name in dict.fromkeys(name for of_sentence in shares for name in of_sentence):
            cats[name] = sum(of_sentence.get(name, 0.0) for of_sentence in shares) / len(shares)
    return cats


def _shares(sentence: Sentence, column: str) -> dict[str, float]:
    found = sentence.label(column)
    if isinstance(found.value, int | float):
        return {column: float(found.value)}
    if isinstance(found.probabilities, Mapping):
        return {f"{column}={label}": float(share) for label, share in found.probabilities.items()}
    labels = found.value if isinstance(found.value, list | tuple) else [found.value]
    return {f"{column}={label}": 1.0 for label in labels}


def _plain(value: Any) -> Any:  # noqa: ANN401 - what msgpack can hold, as spaCy saves it
    if isinstance(value, Mapping):
        return {key: float(share) for key, share in value.items()}
    return list(value) if isinstance(value, list | tuple) else value
