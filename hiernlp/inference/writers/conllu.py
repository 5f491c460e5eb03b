"""CoNLL-U: lossless where the input was CoNLL-U, complete where it was not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hiernlp.corpora._entities import EntityFormat
from hiernlp.errors import HierNLPError
from hiernlp.inference.document import PROBABILITY
from hiernlp.inference.writers._base import Writer
from hiernlp.inference.writers._block import Block, key_value, make_block, misc, replace_misc, sentence_names
from hiernlp.inference.writers._brackets import (
    FIELDS,
    Labelled,
    brackets,
    declared,
    flat,
    iob2,
    is_global,
    labelled,
    parse,
    same,
)
from hiernlp.inference.writers._cells import comment_value, form_cell, label_cell, misc_key, misc_value

if TYPE_CHECKING:
    from hiernlp.inference.document import Document, Sentence

_COLUMNS = {"lemma": 2, "upos": 3, "xpos": 4, "feats": 5, "head": 6, "deprel": 7}
_DEPS = 8
_NEWDOC = {"newdoc", "newdoc id"}
# They point to entities' identifiers, which are lost when entities are written anew.
_ENTITY_KEYS = ("Entity", "Bridge", "SplitAnte")


class Conllu(Writer):
    """CoNLL-U with entities in CorefUD bracketing.

    A sentence whose row has its ``source`` keeps it: comments, multiword tokens, empty nodes, enhanced dependencies
    and MISC stay, byte for byte, and only what was predicted is replaced. In particular:

    - ``lemma``, ``upos``, ``xpos``, ``feats``, ``head`` and ``deprel`` go to their columns. Where a sentence's tree
      changes, its enhanced dependencies (DEPS) no longer hold: they become the tree itself, as a file whose other
      sentences have enhanced graphs must have them here too. Empty nodes stay attached where they were.
    - Entities go to MISC as ``Entity=``. If all of a document's are as in its source, nothing changes; else all are
      written anew with ``# global.Entity = eid-etype``, a new identifier each; what the source said beyond the type
      (coreference, information status, ``Bridge=``, ``SplitAnte=``) is lost, as it does not hold for other entities.
    - Other spans go to MISC in IOB2 (``Chunks=B-NP``; nothing outside), or in bracketing if they nest; other token
      columns as ``Key=value``, probabilities as ``UposProb=0.98``.
    - Sentence labels become comments, ``# sentence_type = decl``; if the sentence has a comment of the key in
      ``comments``, that is replaced. A document-level column adds a comment only where it differs from what the
      document's own comment says.

    A sentence without source gets ``# sent_id`` (its own, or else its number), ``# text``, and ``SpaceAfter=No`` or
    ``SpacesAfter=`` from the words' places in the raw text. Characters that CoNLL-U cannot hold become U+FFFD.

    Args:
        entities: the column that is written as ``Entity=``.
        comments: comment keys of sentence-level columns that the corpora name otherwise.
        document_comments: the same of document-level columns.
        first_entity: the number of the first entity, where entities are written anew.
    """

    def __init__(
        self,
        *,
        entities: str = "entities",
        comments: Mapping[str, str] | None = None,
        document_comments: Mapping[str, str] | None = None,
        first_entity: int = 1,
    ) -> None:
        self.entities = entities
        self.first_entity = first_entity
        self.comments = {"sentence_type": "s_type"} if comments is None else dict(comments)
        self.document_comments = {"genre": "meta::genre"} if document_comments is None else dict(document_comments)

    def write(self, document: Document) -> str:
        """Return the document's sentences as CoNLL-U blocks.

        Raises:
            HierNLPError: a sentence's words are not those of its source, an annotation has the wrong length, or the
                document holds pairs of sentences.
        """
        sentences = document.sentences
        if any(sentence.second is not None for sentence in sentences):
            raise HierNLPError("CoNLL-U holds single sentences, found pairs; choose the format table or json")
        names = sentence_names(document)
        blocks = [make_block(document, i, name=name) for i, name in enumerate(names)]
        in_force: dict[str, str] = {}
        for sentence, block in zip(sentences, blocks, strict=True):
            self._write_columns(sentence, block)
            self._write_comments(sentence, block, in_force)
        self._write_entities(sentences, blocks)
        return "".join(block.text() for block in blocks)

    def _write_columns(self, sentence: Sentence, block: Block) -> None:
        tree = _tree(block)
        for column, value in sentence.annotations.items():
            owner = column.removesuffix(PROBABILITY)
            if value is None or owner == self.entities:
                continue
            level = sentence.level(column)
            if owner != column and owner in sentence:
                if sentence.level(owner) == "token":
                    _set_misc(block, misc_key(column), _per_word(sentence, column, value))
            elif column in _COLUMNS:
                _set_cells(block, column, _per_word(sentence, column, value))
            elif level == "token" and not _unchanged(sentence, column):
                _set_misc(block, misc_key(column), _per_word(sentence, column, value))
            elif level == "spans" and not _unchanged(sentence, column):
                spans = labelled(value)
                write = iob2 if flat(spans) else brackets
                _set_misc(block, misc_key(column), write(spans, len(sentence)), escape=False)
        if _tree(block) != tree and any(cells[_DEPS] != "_" for cells in block.lines):
            for cells, (head, relation) in zip(block.words, _tree(block), strict=True):
                cells[_DEPS] = "_" if "_" in (head, relation) else f"{head}:{relation}"

    def _write_comments(self, sentence: Sentence, block: Block, in_force: dict[str, str]) -> None:
        keys = [key_value(line) for line in block.comments]
        if any(key in _NEWDOC for key, _ in keys):
            in_force.clear()
        in_force.update({key: value for key, value in keys if key in self.document_comments.values()})
        for column, value in sentence.annotations.items():
            owner = column.removesuffix(PROBABILITY)
            if value is None or sentence.level(owner if owner in sentence else column) != "sentence":
                continue
            if owner != column and owner in sentence and isinstance(value, Mapping):
                value = _chosen(value, sentence[owner])  # noqa: PLW2901 - of a distribution, the labels' own
            text = comment_value(_plain(value, separator="|"))
            key = self.comments.get(column, column)
            place = block.comment(key)
            if _unchanged(sentence, column) or in_force.get(self.document_comments.get(column, "")) == text:
                continue
            if place is None:
                key = comment_value(column)
                place = block.comment(key)
            if place is None:
                block.add_comment(f"# {key} = {text}")
            elif key_value(block.comments[place])[1] != text:
                block.comments[place] = f"# {key} = {text}"

    def _write_entities(self, sentences: Sequence[Sentence], blocks: Sequence[Block]) -> None:
        wanted = [sentence.get(self.entities) for sentence in sentences]
        if all(spans is None for spans in wanted):
            return
        there = _source_entities(blocks)
        changed = False
        chosen: list[list[Labelled]] = []
        for sentence, spans, old in zip(sentences, wanted, there, strict=True):
            if spans is None:
                chosen.append(old or [])
                continue
            chosen.append(labelled(spans))
            if not _unchanged(sentence, self.entities) and (old is None or not same(chosen[-1], old)):
                changed = True
        if not changed:
            return
        name = self.first_entity
        for i, (sentence, block, spans) in enumerate(zip(sentences, blocks, chosen, strict=True)):
            _declare(block, first=i == 0)
            for cells in block.lines:
                for key in _ENTITY_KEYS:
                    replace_misc(cells, key, None)
            _set_misc(block, "Entity", brackets(spans, len(sentence), first=name), escape=False)
            name += len(spans)


def _declare(block: Block, *, first: bool) -> None:
    """Say what fields entities have, where the source says it and at the beginning of every document."""
    line = f"# global.Entity = {FIELDS}"
    before = list(block.comments)
    block.comments = [line if is_global(comment) else comment for comment in before]
    begins = next((i + 1 for i, comment in enumerate(before) if key_value(comment)[0] in _NEWDOC), None)
    if (first or begins is not None) and line not in block.comments:
        block.comments.insert(begins or 0, line)


def _source_entities(blocks: Sequence[Block]) -> list[list[Labelled] | None]:
    """Return what ``Entity=`` says in each sentence; None if the document has no such annotation or it is damaged."""
    form, annotated = EntityFormat(), False
    found: list[list[Labelled] | None] = []
    for block in blocks:
        fields = declared(block.comments)
        if fields is not None:
            with suppress(ValueError):
                form = EntityFormat.declared(fields)
        values = [(cells[0], misc(cells).get("Entity")) for cells in block.lines if "-" not in cells[0]]
        annotated |= fields is not None or any(value is not None for _, value in values)
        found.append(parse(values, form))
    return found if annotated else [None] * len(blocks)


def _unchanged(sentence: Sentence, column: str) -> bool:
    """Return whether a prediction is what the source says, as its reader understood it."""
    gold = sentence.row.get(column)
    return sentence.row.get("source") is not None and gold is not None and gold == sentence[column]


def _per_word(sentence: Sentence, column: str, values: Any) -> Sequence[Any]:  # noqa: ANN401 - checked here
    if not isinstance(values, list | tuple) or len(values) != len(sentence):
        raise HierNLPError(
            f"annotation {column!r} needs one value for each of the sentence's {len(sentence)} words, found {values!r}"
        )
    return values


def _set_cells(block: Block, column: str, values: Sequence[Any]) -> None:
    place = _COLUMNS[column]
    for cells, value in zip(block.words, values, strict=True):
        if value is None or value == "":
            new = "_"
        else:
            new = form_cell(str(value)) if column == "lemma" else label_cell(str(value))
        cells[place] = new


def _tree(block: Block) -> list[tuple[str, str]]:
    return [(cells[_COLUMNS["head"]], cells[_COLUMNS["deprel"]]) for cells in block.words]


def _set_misc(block: Block, key: str, values: Sequence[Any], *, escape: bool = True) -> None:
    for cells, value in zip(block.words, values, strict=True):
        text = None if value is None else _plain(value, separator=",")
        replace_misc(cells, key, misc_value(text) if text is not None and escape else text)


def _plain(value: Any, *, separator: str) -> str:  # noqa: ANN401 - any label or number
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    return (
        separator.join(_plain(v, separator=separator) for v in value) if isinstance(value, list | tuple) else str(value)
    )


def _chosen(distribution: Mapping[str, float], label: Any) -> Any:  # noqa: ANN401 - a number, or one for each label
    labels = label if isinstance(label, list | tuple) else [label]
    found = [distribution[name] for name in labels if name in distribution]
    return found if isinstance(label, list | tuple) else found[0] if found else None
