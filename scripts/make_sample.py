"""Make the bundled sample corpus from the GUM corpus.

    python scripts/make_sample.py path/to/gum

The folder holds ``train.conllu`` and ``dev.conllu`` of UD English GUM. Whole documents are taken whose text is under
CC BY, balanced over their genres, in alphabetical order; the same input gives the same files. Written are
``train.conllu``, ``dev.conllu`` and ``ATTRIBUTION.md`` in ``tasks/sample``.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from _chunks import Word, derive_chunks

from hiernlp.corpora.conllu import Conllu, ConlluOptions

HERE = Path(__file__).resolve().parent.parent / "tasks" / "sample"

CC_BY_4 = "[CC BY 4.0](https://creativecommons.org/licenses/by/4.0/)"
CC_BY_3 = "[CC BY 3.0](https://creativecommons.org/licenses/by/3.0/)"
CC_BY_25 = "[CC BY 2.5](https://creativecommons.org/licenses/by/2.5/)"
LICENCES = {
    "academic": {
        "https://dh2017.adho.org/": CC_BY_4,
        "https://journals.linguisticsociety.org/proceedings/": CC_BY_4,
        "https://journals.plos.org/": CC_BY_4,
        "https://www.mdpi.com/": CC_BY_4,
    },
    "court": {"https://www.supremecourt.gov/": CC_BY_4},
    "interview": {"https://en.wikinews.org/": CC_BY_25},
    "news": {"https://en.wikinews.org/": CC_BY_25},
    "textbook": {"https://openstax.org/": CC_BY_4},
    "vlog": {"https://www.youtube.com/": CC_BY_3},
}
"""By genre, how the address of a document's source begins, and the licence of what is there.

Other genres are left out: their texts are not under CC BY, or not said to be.
"""

LEFT_OUT = {
    "GUM_interview_cocktail",  # vulgar
    "GUM_interview_dungeon",
    "GUM_vlog_appearance",  # the speaker's health
    "GUM_vlog_covid",
    "GUM_vlog_pregnant",
}
WORDS = {"train": 7_200, "dev": 1_150}
"""How many words a genre may have at most in each file."""

COMMENTS = ("newdoc id", "meta::author", "meta::genre", "meta::sourceURL", "meta::title", "sent_id", "s_type", "text")
ENTITY_FIELDS = "GRP-etype"


@dataclass
class Document:
    """One document: what its comments say of it, and its sentences."""

    name: str
    comments: Mapping[str, str]
    sentences: list[str] = field(default_factory=list)
    words: int = 0

    @property
    def genre(self) -> str:
        return self.comments["meta::genre"]

    @property
    def licence(self) -> str | None:
        sources = LICENCES.get(self.genre, {})
        url = self.comments["meta::sourceURL"]
        return next((licence for start, licence in sources.items() if url.startswith(start)), None)


def comments_of(source: str) -> dict[str, str]:
    pairs = (line.lstrip("# ").partition(" = ") for line in source.split("\n") if line.startswith("#"))
    return {key.strip(): value.strip() for key, _, value in pairs}


def read_documents(path: Path) -> list[Document]:
    documents: dict[str, Document] = {}
    for row in Conllu(ConlluOptions()).rows(path):
        if row["document"] not in documents:
            documents[row["document"]] = Document(row["document"], comments_of(row["source"]))
        document = documents[row["document"]]
        document.sentences.append(row["source"])
        document.words += len(row["words"])
    return list(documents.values())


def choose(documents: Sequence[Document], *, words: int, besides: set[str]) -> list[Document]:
    """Return, for each genre, documents in alphabetical order while they fit."""
    chosen: list[Document] = []
    for genre in LICENCES:
        room = words
        for document in sorted(documents, key=lambda d: d.name):
            fits = document.words <= room and document.name not in LEFT_OUT | besides
            if document.genre == genre and document.licence and fits:
                chosen.append(document)
                room -= document.words
    return chosen


def slim(sentence: str) -> str:
    """Return a sentence with what the sample keeps, and with chunks."""
    comments = comments_of(sentence)
    lines = [f"# {key} = {comments[key]}" for key in COMMENTS if key in comments]
    if "newdoc id" in comments:
        lines.insert(1, f"# global.Entity = {ENTITY_FIELDS}")
    rows = [line.split("\t") for line in sentence.split("\n") if not line.startswith("#")]
    words = [row for row in rows if row[0].isdecimal()]
    chunks = derive_chunks([Word(w[1], w[3], w[4], int(w[6]) - 1, w[7]) for w in words])
    tags = dict(zip((word[0] for word in words), chunks, strict=True))
    for row in rows:
        misc = dict(item.split("=", 1) for item in row[9].split("|") if "=" in item)
        if "." in row[0]:  # an empty node stands for enhanced dependencies only
            if "Entity" in misc:
                raise ValueError(f"an entity begins or ends at an empty node: {comments['sent_id']}")
            continue
        kept = {"Chunk": tags[row[0]]} if row[0] in tags else {}
        if "Entity" in misc:
            kept["Entity"] = slim_entities(misc["Entity"])
        if misc.get("SpaceAfter") == "No":
            kept["SpaceAfter"] = "No"
        row[8:] = ["_", "|".join(f"{key}={value}" for key, value in kept.items()) or "_"]
        lines.append("\t".join(row))
    return "\n".join(lines)


def slim_entities(value: str) -> str:
    """Return entity brackets with nothing but identity and type.

    Example:
        >>> slim_entities("(3-abstract-new-cf1(5-object-new-sgl)")
        '(3-abstract(5-object)'
    """
    return re.sub(r"\(([^-()]*)-([^-()]*)[^()]*", r"(\1-\2", value)


def attribution(chosen: Mapping[str, Sequence[Document]]) -> Iterator[str]:
    yield "# Attribution of the sample corpus\n"
    yield (
        "The texts and annotations are documents of the Georgetown University Multilayer corpus "
        "([GUM](https://gucorpling.org/gum/), version 11 of May 2025), made by Amir Zeldes and the GUM annotators. The "
        "annotations are under " + CC_BY_4 + "; each text is under the licence named in its row.\n"
    )
    yield (
        "Please cite: Amir Zeldes (2017). The GUM Corpus: Creating Multilayer Resources in the Classroom. "
        "*Language Resources and Evaluation* 51(3), 581-612. https://doi.org/10.1007/s10579-016-9343-x\n"
    )
    yield "## Changes\n"
    yield (
        "Made by `scripts/make_sample.py` from the corpus's `train.conllu` and `dev.conllu`: whole documents were "
        "chosen; enhanced dependencies, empty nodes and all comments and MISC annotations but the ones below were left "
        "out; of "
        f"entities, identity and type were kept (`global.Entity = {ENTITY_FIELDS}`); base chunks in the manner of "
        "CoNLL-2000 were derived by rules from trees and tags and added as `Chunk=` in MISC (`scripts/_chunks.py`). "
        f"Comments kept: {', '.join(f'`{key}`' for key in COMMENTS)}. MISC kept: `Entity`, `SpaceAfter=No`. "
        "The texts themselves are unchanged. The authors of the texts endorse neither this selection nor its use.\n"
    )
    for split, documents in chosen.items():
        words = sum(document.words for document in documents)
        sentences = sum(len(document.sentences) for document in documents)
        yield f"## {split}.conllu: {len(documents)} documents, {sentences:,} sentences, {words:,} words\n"
        yield "| document | title | author | source | licence of the text | words |"
        yield "| --- | --- | --- | --- | --- | ---: |"
        for document in documents:
            cells = [document.comments[f"meta::{key}"].replace("|", r"\|") for key in ("title", "author", "sourceURL")]
            cells[2] = f"<{cells[2]}>"
            yield f"| {document.name} | {' | '.join(cells)} | {document.licence} | {document.words:,} |"
        yield ""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("gum", type=Path, help="folder with train.conllu and dev.conllu of UD English GUM")
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to, by default tasks/sample")
    given = parser.parse_args()
    found = {split: read_documents(given.gum / f"{split}.conllu") for split in ("train", "dev")}
    dev = choose(found["dev"], words=WORDS["dev"], besides=set())
    train = choose(found["train"], words=WORDS["train"], besides={document.name for document in dev})
    chosen = {"train": train, "dev": dev}
    given.out.mkdir(parents=True, exist_ok=True)
    for split, documents in chosen.items():
        blocks = (slim(sentence) + "\n\n" for document in documents for sentence in document.sentences)
        (given.out / f"{split}.conllu").write_text("".join(blocks), encoding="utf-8", newline="\n")
        counts = ", ".join(f"{genre} {sum(d.words for d in documents if d.genre == genre):,}" for genre in LICENCES)
        print(f"{split}: {len(documents)} documents, {sum(d.words for d in documents):,} words ({counts})")
    (given.out / "ATTRIBUTION.md").write_text("\n".join(attribution(chosen)), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
