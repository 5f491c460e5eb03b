"""A corpus as a recipe names it: splits, options, and what users get wrong."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hiernlp.corpora import SPLITS, Split, load_corpus
from hiernlp.corpora.conllu import ConlluOptions
from hiernlp.corpora.tables import TablesOptions
from hiernlp.errors import DataError, RecipeError
from hiernlp.registry import readers

SENTENCE = "1\tHi\thi\tINTJ\t_\t_\t0\troot:x\t_\t_\n\n"


@pytest.fixture
def folder(tmp_path):
    for name, count in (("train", 8), ("dev", 2), ("test", 1)):
        (tmp_path / f"{name}.conllu").write_text(f"# newdoc id = {name}\n" + SENTENCE * count)
    return tmp_path


def load(folder, **options):
    given = {"reader": "conllu", "options": {}, "sources": {"train": ["train.conllu"]}, "cache_dir": None}
    return load_corpus(base=folder, **(given | options))


def test_splits_by_file_come_in_order(folder):
    sources = {"test": ["test.conllu"], "train": ["t*.conllu"], "dev": ["dev.conllu"]}
    found = load(folder, sources=sources)
    assert list(found) == list(SPLITS)
    assert [len(part) for part in found.values()] == [9, 2, 1]


def test_shares_are_cut_from_training_data(folder):
    found = load(
        folder, split=Split(dev=0.25, by="sentence"), sources={"train": ["train.conllu"], "test": ["test.conllu"]}
    )
    assert {name: len(part) for name, part in found.items()} == {"train": 6, "dev": 2, "test": 1}


def test_held_out_data_stay_whole_when_a_part_is_trained_on(folder):
    sources = {"train": ["train.conllu"], "test": ["test.conllu"]}
    found = load(folder, split=Split(dev=0.25, train=0.5, by="sentence"), sources=sources)
    assert {name: len(part) for name, part in found.items()} == {"train": 3, "dev": 2, "test": 1}


def test_evaluation_needs_no_training_data(folder):
    assert list(load(folder, sources={"dev": ["dev.conllu"]}, split=Split())) == ["dev"]


def test_options_are_a_mapping_or_settings(folder):
    for options in ({"subtypes": False}, ConlluOptions(subtypes=False)):
        assert load(folder, options=options)["train"][0]["deprel"] == ["root"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reader": "conlu"}, r"reader: there is no reader called 'conlu'; did you mean 'conllu'"),
        ({"options": {"subtype": True}}, r"options.subtype: unknown key; did you mean 'subtypes'\?"),
        ({"options": {"subtypes": "perhaps"}}, r"options.subtypes: .*boolean.* found 'perhaps'"),
        ({"options": {"misc": {"c": {"key": "C", "scheme": "x"}}}}, "options.misc.c.scheme: .*iob2.* found 'x'"),
        ({"options": {"misc": {"c": {"kye": "C"}}}}, r"options.misc.c.kye: unknown key"),
        ({"options": TablesOptions(text="t", columns={"a": "b"})}, "expected ConlluOptions, found TablesOptions"),
        ({"sources": {"trian": ["x"]}}, r"no split called 'trian'; did you mean 'train'\?"),
        ({"sources": {}}, "expected files for at least one of train, dev, test"),
        ({"sources": {"train": []}}, "expected files for at least one"),
        ({"sources": {"train": ["a"], "dev": ["b"]}, "split": Split(dev=0.1)}, "split.dev: dev has files of its own"),
        ({"sources": {"dev": ["b"]}, "split": Split(test=0.1)}, "no training data to cut"),
    ],
)
def test_mistakes_in_a_recipe_are_one_sentence(folder, options, message):
    with pytest.raises(RecipeError, match=message) as caught:
        load(folder, **options)
    assert "\n" not in str(caught.value)


def test_mistakes_in_data_name_the_file(folder):
    with pytest.raises(DataError, match=r"there is no such file; did you mean 'train.conllu'"):
        load(folder, sources={"train": ["trian.conllu"]})
    (folder / "empty.conllu").touch()
    with pytest.raises(DataError, match=r"empty.conllu: expected at least one sentence"):
        load(folder, sources={"train": ["*.conllu"]})


def test_readers_are_found_by_their_files():
    assert readers.names() == ["columns", "conllu", "hub", "running_text", "tables"]
    for name in readers.names():
        assert readers.load(name).__name__.lower() == name.replace("_", "")


def test_importing_the_package_is_light():
    code = "import sys, hiernlp.corpora; assert not {'datasets', 'torch', 'pyarrow', 'spacy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_columns_by_other_names(write, tmp_path):
    write("a N\nb V\n\n", "c.txt")
    made = {"reader": "columns", "options": {"columns": {"words": 0, "tag": 1}}, "sources": {"train": ["c.txt"]}}
    found = load_corpus(**made, base=tmp_path, rename={"tag": "old_tag"}, cache_dir=None)["train"]
    assert found["old_tag"][:] == [["N", "V"]]
    assert "tag" not in found.column_names
    with pytest.raises(RecipeError, match=r"rename\.tga: the reader gives no such column; did you mean 'tag'"):
        load_corpus(**made, base=tmp_path, rename={"tga": "x"})
    for taken in ("words", "file", "second"):
        with pytest.raises(RecipeError, match=rf"rename\.tag: there is a column '{taken}' already"):
            load_corpus(**made, base=tmp_path, rename={"tag": taken})
