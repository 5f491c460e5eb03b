"""Files and folders take another's place whole or not at all."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from hiernlp.files import recover_folder, replaced_file, replaced_files, swap_folder


def names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def fail(place: AbstractContextManager[Path]) -> None:
    """Write something and fail before the end."""
    with place as new:
        (new / "a.txt" if new.is_dir() else new).write_text("two")
        raise KeyError


def test_a_file_is_replaced_or_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "a.txt"
    with replaced_file(file) as new:
        new.write_text("one")
    assert file.read_text() == "one"
    assert file.stat().st_mode & 0o777 == 0o644
    with pytest.raises(KeyError):
        fail(replaced_file(file))
    assert file.read_text() == "one"
    assert names(tmp_path) == ["deep/a.txt"]


def test_files_are_replaced_all_or_none(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(KeyError):
        fail(replaced_files(tmp_path))
    assert (tmp_path / "a.txt").read_text() == "old"
    with replaced_files(tmp_path) as new:
        (new / "a.txt").write_text("new")
        (new / "sub").mkdir()
        (new / "sub" / "b.txt").write_text("b")
    assert names(tmp_path) == ["a.txt", "kept.txt", "sub/b.txt"]
    assert (tmp_path / "a.txt").read_text() == "new"
    assert (tmp_path / "kept.txt").read_text() == "mine"


def test_folders_are_swapped_and_recovered(tmp_path: Path) -> None:
    folder, new = tmp_path / "state", tmp_path / ".state.new"
    for content in ("one", "two"):
        new.mkdir()
        (new / "x").write_text(content)
        swap_folder(new, folder)
        assert (folder / "x").read_text() == content
        assert names(tmp_path) == ["state/x"]
    folder.rename(tmp_path / "state.old")  # cut off between the renames
    new.mkdir()
    recover_folder(folder)
    assert (folder / "x").read_text() == "two"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["state"]
    recover_folder(tmp_path / "nowhere" / "state")


def test_a_swap_cut_off_after_both_renames_leaves_the_new(tmp_path: Path) -> None:
    for name, content in (("state", "new"), ("state.old", "old")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text(content)
    recover_folder(tmp_path / "state")
    assert (tmp_path / "state" / "x").read_text() == "new"
