"""Finding files and reading lines: what is not there, patterns, encodings."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.corpora._files import TextLines, bare_lines, find_files
from hiernlp.errors import DataError


def test_patterns_and_paths_are_found_once_and_sorted(tmp_path):
    for name in ("b.txt", "a.txt", "deep/er/c.txt", "d.tsv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = find_files(["b.txt", "*.txt", "**/c.*"], base=tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in found] == ["b.txt", "a.txt", "deep/er/c.txt"]
    assert find_files([str(tmp_path / "d.tsv")], base=Path("elsewhere")) == [tmp_path / "d.tsv"]


def test_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "x.txt").touch()
    assert find_files(["~/x.txt"], base=Path("elsewhere")) == [tmp_path / "x.txt"]


def test_a_name_with_brackets_is_no_pattern_if_it_is_there(tmp_path):
    (tmp_path / "a[1].txt").touch()
    assert find_files(["a[1].txt"], base=tmp_path) == [tmp_path / "a[1].txt"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("trian.conllu", r"trian.conllu: there is no such file; did you mean 'train.conllu'\?"),
        ("zzz", r"there is no such file; .* holds folder, train.conllu"),
        ("gone/down/train.conllu", "folder is not there either"),
        ("fodler/x.txt", r"did you mean 'folder'\?"),
        ("*.csv", "no file matches this pattern"),
        ("folder", r"expected a file, found a folder; name its files, such as folder/\*"),
        ("folder/x", "is empty"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(tmp_path, source, message):
    (tmp_path / "train.conllu").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match=message):
        find_files([source], base=tmp_path)


def test_no_source_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no file is named"):
        find_files([], base=tmp_path)


line = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\n\r"), max_size=8)


@given(st.lists(line.filter(lambda text: not text.startswith("\ufeff")), min_size=1, max_size=6), st.data())
def test_lines_end_at_lf_and_crlf_and_nowhere_else(tmp_path_factory, lines, data):
    ends = data.draw(st.sampled_from(["\n", "\r\n"]))
    mark = data.draw(st.sampled_from(["", "\ufeff"]))
    path = tmp_path_factory.mktemp("lines") / "x"
    path.write_bytes((mark + "".join(text + ends for text in lines)).encode())
    read = TextLines(path)
    assert list(read) == list(read) == lines
    assert list(bare_lines(mark + ends.join(lines))) == lines


def test_other_encodings_are_named_with_the_line(write):
    path = write(b"one\ntw\xf6\n")
    with pytest.raises(DataError, match=r"corpus.txt, line 2: expected UTF-8, found byte 0xf6"):
        list(TextLines(path))
    with pytest.raises(DataError, match="line 1: expected UTF-8"):
        list(TextLines(write("one".encode("utf-16"))))


def test_an_unreadable_file_is_one_error(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        list(TextLines(tmp_path / "gone"))
