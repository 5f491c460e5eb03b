"""Datasets of the `datasets` library, all from local folders."""

from __future__ import annotations

import json

import datasets
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

from hiernlp.corpora.hub import Hub, HubOptions
from hiernlp.errors import DataError

TAGS = ["O", "B-PER", "I-PER"]


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    """Reach no network, and cache only in the test's folder."""
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    datasets.disable_progress_bars()


@pytest.fixture
def labelled():
    features = Features(
        {
            "tokens": List(Value("string")),
            "ner": List(ClassLabel(names=TAGS)),
            "topic": ClassLabel(names=["sport", "arts"]),
            "extra": Value("binary"),
        }
    )
    rows = {"tokens": [["Ann", "Lee", "runs"], ["x"]], "ner": [[1, 2, 0], None], "topic": [1, -1], "extra": [b"", b""]}
    return Dataset.from_dict(rows, features=features)


OPTIONS = {
    "words": "tokens",
    "columns": {"entities": "ner", "tags": "ner", "topic": "topic"},
    "types": {"entities": "spans", "tags": "tags"},
}


def read(folder, source="train", base=None, cache=None, **options):
    reader = Hub(HubOptions(**({"dataset": str(folder)} | OPTIONS | options)))
    return reader.read([source], base=base or folder.parent, cache_dir=cache)


def test_saved_folders_give_the_names_of_class_labels(labelled, tmp_path):
    DatasetDict({"train": labelled, "validation": labelled.select([1])}).save_to_disk(str(tmp_path / "d"))
    data = read(tmp_path / "d")
    assert data["words"][:] == [["Ann", "Lee", "runs"], ["x"]]
    assert data["entities"][:] == [[{"start": 0, "end": 2, "label": "PER"}], None]
    assert data["tags"][:] == [["B-PER", "I-PER", "O"], None]
    assert data["topic"][:] == ["arts", None]
    assert data["line"][:] == [1, 2]
    assert len(read(tmp_path / "d", "validation")) == 1
    assert read(tmp_path, dataset="d", base=tmp_path).to_list()[0]["words"] == ["Ann", "Lee", "runs"]


def test_a_single_saved_split_is_train(labelled, tmp_path):
    labelled.save_to_disk(str(tmp_path / "d"))
    assert len(read(tmp_path / "d")) == 2


def test_folders_of_data_files_are_read(tmp_path):
    folder = tmp_path / "d"
    folder.mkdir()
    for name, count in (("train", 3), ("test", 1)):
        lines = [json.dumps({"text": f"it is {i}", "label": i, "topics": ["a"][:i]}) for i in range(count)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    options = {"words": None, "text": "text", "columns": {"y": "label", "m": "topics"}, "types": {"m": "labels"}}
    data = read(folder, **options)
    assert data["y"][:] == ["0", "1", "2"]
    assert data["m"][:] == [[], ["a"], ["a"]]
    assert data["words"][1] == ["it", "is", "1"]
    assert len(read(folder, "test", **options)) == 1


def test_a_struct_of_shares_is_a_distribution(tmp_path):
    rows = {"text": ["it is", "no"], "votes": [{"good": 0.6, "bad": None}, None]}
    Dataset.from_dict(rows).save_to_disk(str(tmp_path / "d"))
    options = {"words": None, "text": "text", "columns": {"v": "votes"}, "types": {"v": "distribution"}}
    assert read(tmp_path / "d", **options)["v"][:] == [[{"label": "good", "share": 0.6}], None]


def test_the_cache_follows_the_content(labelled, tmp_path):
    labelled.save_to_disk(str(tmp_path / "d"))
    cache = tmp_path / "cache"
    assert read(tmp_path / "d", cache=cache).cache_files == read(tmp_path / "d", cache=cache).cache_files
    labelled.select([0]).save_to_disk(str(tmp_path / "other"))
    assert len(read(tmp_path / "other", cache=cache)) == 1
    assert len([entry for entry in cache.iterdir() if entry.is_dir()]) == 2


def test_what_is_not_there_is_one_sentence(labelled, tmp_path):
    DatasetDict({"train": labelled}).save_to_disk(str(tmp_path / "data"))
    with pytest.raises(DataError, match=r"there is no split 'trian'; did you mean 'train'\?"):
        read(tmp_path / "data", "trian")
    with pytest.raises(DataError, match=r"data \(train\): there is no column 'topics'; did you mean 'topic'\?"):
        read(tmp_path / "data", columns={"t": "topics"}, types={})
    with pytest.raises(DataError, match=r"there is no such file; did you mean 'data'\?"):
        read(tmp_path / "dara")
    with pytest.raises(DataError, match="cannot be loaded"):
        read(tmp_path, dataset="nobody/no-such-dataset")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="cannot be loaded"):
        read(tmp_path / "empty")


def test_mistakes_in_a_row_name_its_number(tmp_path):
    Dataset.from_dict({"tokens": [["a"], []], "topic": ["x", "y"]}).save_to_disk(str(tmp_path / "d"))
    with pytest.raises(DataError, match=r"\(train\), line 2: expected words in column 'tokens', found none"):
        read(tmp_path / "d", columns={"topic": "topic"}, types={})


def test_an_empty_split_is_an_error(labelled, tmp_path):
    labelled.select([]).save_to_disk(str(tmp_path / "d"))
    with pytest.raises(DataError, match="it is empty or damaged"):
        read(tmp_path / "d")
