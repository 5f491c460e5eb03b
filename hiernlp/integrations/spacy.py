"""The component ``hiernlp`` of spaCy's pipelines.

Every pipeline of spaCy imports this file, where the library is installed: a model is loaded when it is first needed.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import srsly
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc
from spacy.util import ensure_path, minibatch

from hiernlp.errors import HierNLPError, ModelFolderError
from hiernlp.graphs.opening import open_analyzer
from hiernlp.inference.spacy_docs import annotate
from hiernlp.predictor import BATCH_SUBWORDS
from hiernlp.segmentation import segment

if TYPE_CHECKING:
    from hiernlp.inference.base import BaseAnalyzer

ASSIGNS = (
    "token.tag", "token.pos", "token.lemma", "token.morph", "token.head", "token.dep", "token.is_sent_start",
    "doc.sents", "doc.ents", "doc.spans", "doc.cats",
)  # fmt: skip
"""What the component writes, as far as the model answers it."""


class HierNLP(Pipe):
    """Annotates documents of spaCy with a model of hiernlp.

    The words are the document's own tokens, white space left out, and sentences are the document's own where an earlier
    component (or the user) set them; where none did, the rules by which the library splits raw text decide. What goes
    where in the document, :mod:`hiernlp.inference.spacy_docs` tells; what the model does not answer stays as it was.

    The model is one that training made, or a folder of graphs that ``hiernlp export`` made, which needs no torch. It is
    loaded when it is first needed, and saved with the pipeline, so that the pipeline's folder needs no other; no pickle
    is written or read.

    Args:
        name: the component's name in the pipeline.
        model: a model folder, a hub id or a folder of graphs; None for a component that is to be read from a saved
            pipeline.
        tasks: the tasks wanted, by default all that read one sentence.
        probabilities: whether tokens, spans and sentences get probabilities, and ``Doc.cats`` shares of one.
        entities: the column of spans that become ``Doc.ents``.
        batch_subwords: most subwords a batch, padding included.
        device: where to run; by default the accelerator that there is, or else the processor.
        precision: ``float32``, ``bfloat16`` or ``int8``.

    Example:
        >>> import spacy
        >>> nlp = spacy.blank("en")
        >>> nlp.add_pipe("hiernlp", config={"model": "my-model"})  # doctest: +SKIP
        >>> [token.pos_ for token in nlp("Birds sing.")]  # doctest: +SKIP
        ['NOUN', 'VERB', 'PUNCT']
    """

    def __init__(
        self,
        *,
        name: str = "hiernlp",
        model: str | None,
        tasks: Sequence[str] | None = None,
        probabilities: bool = False,
        entities: str = "entities",
        batch_subwords: int = BATCH_SUBWORDS,
        device: str | None = None,
        precision: str = "float32",
    ) -> None:
        self.name = name
        self.model = model
        self.tasks = None if tasks is None else list(tasks)
        self.probabilities = probabilities
        self.entities = entities
        self.batch_subwords = batch_subwords
        self.device = device
        self.precision = precision
        self._analyzer: BaseAnalyzer | None = None

    @property
    def analyzer(self) -> BaseAnalyzer:
        """The analyzer, loaded on first use.

        Raises:
            HierNLPError: no model was given, or it cannot be loaded.
        """
        if self._analyzer is None:
            if self.model is None:
                raise HierNLPError(
                    f"the component {self.name!r} has no model; add it with config={{'model': 'a model folder'}}, or "
                    "load the pipeline from where it was saved"
                )
            self._analyzer = open_analyzer(self.model, device=self.device, precision=self.precision)
        return self._analyzer

    def initialize(self, get_examples: Any = None, *, nlp: Language | None = None) -> None:  # noqa: ANN401, ARG002
        """Load the model; there is nothing to learn."""
        _ = self.analyzer

    def __call__(self, doc: Doc) -> Doc:
        """Annotate one document and return it."""
        self._annotate([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Annotate a stream of documents; the sentences of ``batch_size`` documents are batched together."""
        for docs in minibatch(stream, size=batch_size):
            try:
                self._annotate(docs)
            except Exception as error:  # spaCy's contract: the pipeline's handler decides
                self.get_error_handler()(self.name, self, docs, error)
            else:
                yield from docs

    def _annotate(self, docs: Sequence[Doc]) -> None:
        analyzer = self.analyzer
        places = [_places(doc, analyzer.language) for doc in docs]
        rows = [
            {"words": [doc[token].text for token in at]}
            for doc, of_doc in zip(docs, places, strict=True)
            for at in of_doc
        ]
        found = iter(
            analyzer.rows(
                rows, tasks=self.tasks, probabilities=self.probabilities, batch_subwords=self.batch_subwords
            ).sentences
        )
        for doc, of_doc in zip(docs, places, strict=True):
            annotate(doc, [next(found) for _ in of_doc], places=of_doc, entities=self.entities)

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:  # noqa: ARG002 - spaCy's signature
        """Save the model into a folder, as a folder of the same sort."""
        folder = ensure_path(path)
        folder.mkdir(parents=True, exist_ok=True)
        self.analyzer.save(folder)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> HierNLP:  # noqa: ARG002
        """Load the model from a folder that :meth:`to_disk` made."""
        self._analyzer = open_analyzer(ensure_path(path), device=self.device, precision=self.precision)
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:  # noqa: ARG002
        """Return the files of the folder as one string of bytes."""
        with tempfile.TemporaryDirectory() as folder:
            self.analyzer.save(Path(folder))
            return srsly.msgpack_dumps({file.name: file.read_bytes() for file in sorted(Path(folder).iterdir())})

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> HierNLP:  # noqa: ARG002
        """Load the model from what :meth:`to_bytes` gave.

        Raises:
            ModelFolderError: the bytes are something else.
        """
        files: dict[str, bytes] = srsly.msgpack_loads(data)  # pyright: ignore[reportAssignmentType]
        for name in files:
            if Path(name).name != name:
                raise ModelFolderError(f"expected names of files, found {name!r}; save the pipeline again")
        folder = Path(tempfile.mkdtemp())
        # Graphs are read when they are first needed: the folder stays as long as the component.
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return self.from_disk(folder)


def _places(doc: Doc, language: str) -> list[list[int]]:
    """Return the tokens of each sentence, white space left out."""
    if doc.has_annotation("SENT_START"):
        begins = {token.i for token in doc if token.is_sent_start}
    else:
        begins, token = set(), 0
        for part in segment(doc.text, language=language):
            # Where the rules would cut a token, the sentence begins after it.
            while token < len(doc) and doc[token].idx < part.start:
                token += 1
            begins.add(token)
    sentences: list[list[int]] = [[]]
    for token in doc:
        if token.i in begins:
            sentences.append([])
        if not token.is_space:
            sentences[-1].append(token.i)
    return [at for at in sentences if at]


@Language.factory(
    "hiernlp",
    assigns=list(ASSIGNS),
    default_config={
        "model": None,
        "tasks": None,
        "probabilities": False,
        "entities": "entities",
        "batch_subwords": BATCH_SUBWORDS,
        "device": None,
        "precision": "float32",
    },
)
def make_hiernlp(
    nlp: Language,  # noqa: ARG001 - spaCy gives it
    name: str,
    *,
    model: str | None,
    tasks: list[str] | None,
    probabilities: bool,
    entities: str,
    batch_subwords: int,
    device: str | None,
    precision: str,
) -> HierNLP:
    """Make the component, as ``nlp.add_pipe("hiernlp", config=...)`` asks for it."""
    return HierNLP(
        name=name,
        model=model,
        tasks=tasks,
        probabilities=probabilities,
        entities=entities,
        batch_subwords=batch_subwords,
        device=device,
        precision=precision,
    )
