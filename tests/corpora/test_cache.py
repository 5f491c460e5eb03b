"""The cache: written once and whole, mapped from disk, stale when anything changes."""

from __future__ import annotations

import threading

import pytest

from hiernlp.corpora import _cache
from hiernlp.corpora._base import FileReader
from hiernlp.corpora._cache import to_dataset
from hiernlp.corpora.conllu import Conllu, ConlluOptions
from hiernlp.errors import DataError

SENTENCE = "1\tHi\thi\tINTJ\t_\t_\t0\troot\t_\t_\n\n"


@pytest.fixture
def reads(monkeypatch):
    """Return the list of files that were read."""
    seen = []
    plain = FileReader._part

    def part(self, path):
        found = plain(self, path)

        def rows():
            seen.append(path.name)
            return found.rows()

        return type(found)(found.name, found.state, rows)

    monkeypatch.setattr(FileReader, "_part", part)
    return seen


def read(path, cache, **options):
    return Conllu(ConlluOptions(**options)).read([path.name], base=path.parent, cache_dir=cache)


def test_unchanged_sources_are_read_once(write, tmp_path, reads):
    path = write(SENTENCE * 3)
    first, second = read(path, tmp_path / "c"), read(path, tmp_path / "c")
    assert reads == ["corpus.txt"]
    assert first.to_list() == second.to_list()
    assert len(first) == 3
    assert second.cache_files
    assert second.cache_files[0]["filename"].startswith(str(tmp_path / "c"))


def test_another_content_or_option_or_file_is_read_anew(write, tmp_path, reads):
    path = write(SENTENCE)
    read(path, tmp_path / "c")
    read(path, tmp_path / "c", subtypes=False)
    write(SENTENCE * 2)
    assert len(read(path, tmp_path / "c")) == 2
    read(write(SENTENCE, "other.txt"), tmp_path / "c")
    assert reads == ["corpus.txt"] * 3 + ["other.txt"]


def test_a_change_of_the_code_makes_entries_stale(write, tmp_path, reads, monkeypatch):
    path = write(SENTENCE)
    read(path, tmp_path / "c")
    monkeypatch.setattr(_cache, "_code_state", lambda: "another version")
    read(path, tmp_path / "c")
    assert len(reads) == 2


def test_nothing_is_left_after_a_failure(write, tmp_path):
    path = write(SENTENCE * 1200 + "broken\n")
    with pytest.raises(DataError, match="line 2401: expected 10 columns"):
        read(path, tmp_path / "c")
    assert list((tmp_path / "c").iterdir()) == []
    write(SENTENCE * 1200)
    assert len(read(path, tmp_path / "c")) == 1200


def test_an_unfinished_entry_is_not_used(write, tmp_path):
    path = write(SENTENCE)
    whole = read(path, tmp_path / "c").to_list()
    entry = next((tmp_path / "c").iterdir())
    (entry / "columns.json").unlink()
    (entry / "rows.arrow").unlink()
    entry.rmdir()
    (tmp_path / "c" / ".unfinished-x").mkdir()
    assert read(path, tmp_path / "c").to_list() == whole


def test_a_folder_that_cannot_be_made_is_one_error(write, tmp_path):
    path = write(SENTENCE)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be cached"):
        read(path, tmp_path / "file")


def test_several_at_once_give_the_same(write, tmp_path):
    path = write(SENTENCE * 2000)
    found = []
    threads = [threading.Thread(target=lambda: found.append(len(read(path, tmp_path / "c")))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [2000] * 4
    assert len(list((tmp_path / "c").iterdir())) == 1


def test_memory_and_disk_give_the_same(write, tmp_path):
    path = write(SENTENCE * 3)
    on_disk, in_memory = read(path, tmp_path / "c"), read(path, None)
    assert on_disk.to_list() == in_memory.to_list()
    assert on_disk.features == in_memory.features
    assert in_memory.cache_files == []


def test_missing_at_three_levels(tmp_path):
    rows = [{"words": ["a", "b"], "x": ["X", None]}, {"words": ["c"], "x": None, "s": []}]
    columns = {"x": "tags", "y": "integers", "s": "spans", "n": "number", "m": "labels"}
    for cache in (None, tmp_path):
        data = to_dataset(lambda: iter(rows), columns=columns, cache_dir=cache, key="k")
        assert {"y", "n", "m"}.isdisjoint(data.column_names)
        assert data["x"][:] == [["X", None], None]
        assert data["s"][:] == [None, []]
        assert data[0]["text"] is None


def test_what_cannot_be_stored_is_named(tmp_path):
    rows = [{"words": ["fine"]}, {"words": ["bad \ud800"], "file": "f", "line": 7}]
    with pytest.raises(DataError, match=r"f, line 7: the value of 'words' cannot be stored"):
        to_dataset(lambda: iter(rows), columns={}, cache_dir=tmp_path / "c", key="k")
    assert list((tmp_path / "c").iterdir()) == []


def test_an_annotation_cannot_take_the_name_of_a_base_column():
    with pytest.raises(DataError, match="cannot be called 'text'"):
        to_dataset(lambda: iter([]), columns={"text": "label"}, cache_dir=None, key="k")
