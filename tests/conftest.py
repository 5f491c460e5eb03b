"""What all tests share: one thread, no network, a tiny random encoder and small corpora that can be learnt."""

from __future__ import annotations

import json
import os
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# No test is timed: the machine may have other work.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

# Before the libraries read them: nothing is fetched, and nothing is left in the user's caches.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
_CACHE = tempfile.TemporaryDirectory(prefix="hiernlp-tests-")
os.environ["HF_DATASETS_CACHE"] = _CACHE.name

import torch  # noqa: E402

torch.set_num_threads(1)

LAYERS = 4
DETERMINERS = ["the", "a"]
ADJECTIVES = ["big", "old", "kind"]
ANIMALS = ["cat", "dog", "bird"]
PEOPLE = ["mary", "john", "nurse"]
VERBS = {"sees": "VBZ", "liked": "VBD", "meet": "VBP"}
LEMMAS = {"sees": "see", "liked": "like", "mary": "Mary", "john": "John"}
FEATURES = {"sees": "Number=Sing|Tense=Pres", "liked": "Tense=Past", "meet": "Tense=Pres", "a": "Definite=Ind"}
WORDS = [*DETERMINERS, *ADJECTIVES, *ANIMALS, *PEOPLE, *VERBS, ".", "?"]


def _noun_phrase(draw: random.Random) -> list[tuple[str, str]]:
    adjective = [(draw.choice(ADJECTIVES), "ADJ")] if draw.random() < 0.5 else []
    noun = draw.choice([*ANIMALS, *PEOPLE])
    return [(draw.choice(DETERMINERS), "DET"), *adjective, (noun, "NOUN")]


def _block(draw: random.Random, number: int) -> str:
    """Return one sentence of the toy language in CoNLL-U: noun phrase, verb, noun phrase, mark."""
    first, second = _noun_phrase(draw), _noun_phrase(draw)
    verb = len(first) + 1
    question = draw.random() < 0.5
    words = [*first, (draw.choice(list(VERBS)), "VERB"), *second, ("?" if question else ".", "PUNCT")]
    lines = [f"# sent_id = s{number}", f"# s_type = {'q' if question else 'decl'}"]
    for i, (word, upos) in enumerate(words, start=1):
        phrase = 1 if i < verb else 2
        noun = len(first) if i < verb else len(words) - 1
        head, deprel = {
            "DET": (noun, "det"),
            "ADJ": (noun, "amod"),
            "NOUN": (verb, "nsubj" if i < verb else "obj"),
            "VERB": (0, "root"),
            "PUNCT": (verb, "punct"),
        }[upos]
        kind = "animal" if words[noun - 1][0] in ANIMALS else "person"
        misc = []
        if upos == "DET":
            misc.append(f"({2 * phrase}-{kind}")
        if upos == "NOUN":
            misc += [f"({2 * phrase + 1}-name)" if word in PEOPLE else "", f"{2 * phrase})"]
        entity = "Entity=" + "".join(misc) if misc else "_"
        xpos = VERBS.get(word, upos[:2])
        lemma, features = LEMMAS.get(word, word), FEATURES.get(word, "_")
        lines.append(f"{i}\t{word}\t{lemma}\t{upos}\t{xpos}\t{features}\t{head}\t{deprel}\t_\t{entity}")
    return "\n".join(lines) + "\n"


def _conllu(sentences: int, *, seed: int) -> str:
    draw = random.Random(seed)
    blocks = [_block(draw, number) for number in range(sentences)]
    return "# global.Entity = eid-etype\n" + "\n".join(blocks) + "\n"


def _talk(sentences: int, *, seed: int) -> str:
    """Return another corpus as JSON lines: chunks, and what sentences are said to be; some of it is missing."""
    draw = random.Random(seed)
    lines = []
    for number in range(sentences):
        words = [word for word, _ in _noun_phrase(draw)] + ["sees"] + [word for word, _ in _noun_phrase(draw)]
        verb = words.index("sees")
        happy = "kind" in words
        lines.append(
            {
                "words": words,
                "chunks": ["B-NP", *["I-NP"] * (verb - 1), "B-VP", "B-NP", *["I-NP"] * (len(words) - verb - 2)],
                "mood": None if number % 5 == 4 else "happy" if happy else "plain",
                "length": None if number % 7 == 6 else float(len(words)),
                "topics": None if number % 3 == 2 else [w for w in ("cat", "dog", "mary") if w in words],
            }
        )
    return "".join(json.dumps(line) + "\n" for line in lines)


def _pairs(pairs: int, *, seed: int) -> str:
    """Return pairs of sentences as a table: how much they share, and whether the first has all words of the second."""
    draw = random.Random(seed)
    lines = ["first\tsecond\tshared\tholds"]
    for number in range(pairs):
        first = [word for word, _ in _noun_phrase(draw)]
        second = [word for word, _ in _noun_phrase(draw)] if draw.random() < 0.6 else first[-2:]
        shared = len(set(first) & set(second)) / len(set(first) | set(second))
        holds = "yes" if set(second) <= set(first) else "no"
        score = "" if number % 7 == 6 else f"{1 + 4 * shared:.2f}"
        lines.append("\t".join([" ".join(first), " ".join(second), score, "" if number % 5 == 4 else holds]))
    return "".join(f"{line}\n" for line in lines)


@pytest.fixture(scope="session")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of small corpora."""
    folder = tmp_path_factory.mktemp("corpora")
    (folder / "train.conllu").write_text(_conllu(60, seed=1), encoding="utf-8")
    (folder / "dev.conllu").write_text(_conllu(15, seed=2), encoding="utf-8")
    (folder / "train.jsonl").write_text(_talk(40, seed=3), encoding="utf-8")
    (folder / "dev.jsonl").write_text(_talk(12, seed=4), encoding="utf-8")
    (folder / "train.tsv").write_text(_pairs(40, seed=5), encoding="utf-8")
    (folder / "dev.tsv").write_text(_pairs(12, seed=6), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a random BERT of four layers with a WordPiece tokenizer of a few words and all letters."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *letters, *(f"##{c}" for c in letters)]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
    )
    folder = tmp_path_factory.mktemp("encoder") / "tiny-bert"
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=64,
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    return folder


TASKS: dict[str, dict[str, Any]] = {
    "upos": {"kind": "token_labels", "options": {"column": "upos"}, "place": 1},
    "xpos": {"kind": "token_labels", "options": {"column": "xpos", "crf": True}, "place": 1, "shortcut": True},
    "lemmas": {"kind": "lemmas", "place": 2},
    "feats": {"kind": "features", "options": {"hidden": 16}, "place": 2},
    "chunks": {"kind": "flat_spans", "options": {"column": "chunks", "crf": True}, "place": 2},
    "entities": {"kind": "nested_spans", "options": {"column": "entities", "width": 12}, "place": {"mix": [1, 3]}},
    "dependencies": {
        "kind": "dependencies",
        "options": {"arc_size": 16, "relation_size": 8, "dropout": 0.1},
        "place": 3,
    },
    "type": {"kind": "sentence_labels", "options": {"column": "sentence_type"}, "place": 4, "shortcut": True},
    "mood": {"kind": "sentence_labels", "options": {"column": "mood", "pool": "attention"}, "place": 4},
    "length": {"kind": "sentence_scores", "options": {"column": "length", "minimum": 1, "maximum": 9}, "place": 4},
    "topics": {"kind": "multi_labels", "options": {"column": "topics"}, "place": "top"},
    "shared": {
        "kind": "sentence_scores",
        "options": {"column": "shared", "minimum": 1, "maximum": 5, "classes": 5},
        "pair": {"encode": "apart", "pool": "max"},
        "place": 2,
        "shortcut": True,
    },
    "holds": {
        "kind": "sentence_labels",
        "options": {"column": "holds"},
        "pair": {"encode": "together"},
        "place": "top",
    },
}
"""One task or more of every kind and every way of reading, on all layers."""

FEEDS: list[dict[str, Any]] = [
    {"from": "upos"},
    {"from": "xpos", "to": ["dependencies", "type"], "gradient": "detached"},
    {"from": "dependencies", "to": ["encoder", "type"]},
    {"from": "entities", "to": "mood"},
    {"from": "lemmas", "to": ["type"]},
    {"from": "feats"},
    {"from": "chunks"},
    {"from": "length", "to": "topics"},
    {"from": "upos", "to": "shared"},
    {"from": "shared", "to": "holds"},
]


@pytest.fixture(scope="session")
def recipe_data(corpora: Path, tiny_encoder: Path) -> Callable[..., dict[str, Any]]:
    """Return a function that makes the content of a recipe; ``tasks`` are names in the table above, or all."""

    def make(tasks: list[str] | None = None, *, feeds: list[dict[str, Any]] | None = None, **training: Any) -> dict:
        names = list(TASKS) if tasks is None else tasks
        of_talk = {"chunks", "mood", "length", "topics"} & set(names)
        of_pairs = {"shared", "holds"} & set(names)
        data: dict[str, Any] = {
            "encoder": {"name": str(tiny_encoder)},
            "encoding": {"letter_case": tasks is None},
            "corpora": {},
            "tasks": {name: TASKS[name] for name in names},
            "feeds": (FEEDS if tasks is None else []) if feeds is None else feeds,
            "training": {
                "epochs": 2,
                "batch_subwords": 96,
                "log_every": 5,
                "tensorboard": False,
                "head_learning_rate": 1e-2,
                "encoder_learning_rate": 1e-3,
                **training,
            },
        }
        if set(names) - of_talk - of_pairs:
            data["corpora"]["ud"] = {
                "reader": "conllu",
                "train": str(corpora / "train.conllu"),
                "dev": str(corpora / "dev.conllu"),
            }
        if of_talk:
            types = {"chunks": "spans", "mood": "label", "length": "number", "topics": "labels"}
            data["corpora"]["talk"] = {
                "reader": "tables",
                "options": {"words": "words", "columns": {c: c for c in types}, "types": types},
                "train": str(corpora / "train.jsonl"),
                "dev": str(corpora / "dev.jsonl"),
            }
        if of_pairs:
            data["corpora"]["pairs"] = {
                "reader": "tables",
                "options": {
                    "words": "first",
                    "second": "second",
                    "columns": {"shared": "shared", "holds": "holds"},
                    "types": {"shared": "number"},
                },
                "train": str(corpora / "train.tsv"),
                "dev": str(corpora / "dev.tsv"),
            }
        return data

    return make


@pytest.fixture
def make_run(recipe_data: Callable[..., dict[str, Any]], tmp_path: Path) -> Callable[..., Any]:
    """Return a function that makes a run by a recipe; ``output`` is a folder's name or path."""
    from hiernlp.experiment import Run
    from hiernlp.recipe.files import validate_recipe

    def make(
        tasks: list[str] | None = None,
        *,
        output: str | Path = "model",
        resume: bool = False,
        feeds: list[dict[str, Any]] | None = None,
        sampling: dict[str, Any] | None = None,
        **training: Any,
    ) -> Run:
        data = recipe_data(tasks, feeds=feeds, **training)
        if sampling:
            data["sampling"] = sampling
        return Run(validate_recipe(data), tmp_path / output, resume=resume)

    return make
