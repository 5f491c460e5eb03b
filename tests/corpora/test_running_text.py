"""Running text: every token is learnt from once, and where rows end tells nothing of where sentences end."""

from __future__ import annotations

import pytest

from hiernlp.corpora import load_corpus
from hiernlp.corpora.running_text import RunningText, RunningTextOptions
from hiernlp.errors import DataError, RecipeError
from hiernlp.segmentation.atoms import split_atoms
from hiernlp.segmentation.boundaries import segments_of


def block(tokens: list[str], *comments: str, glued: tuple[int, ...] = (), misc: str = "") -> str:
    """Return a sentence; a token of several words has them after a colon, separated by plus signs."""
    lines, number = list(comments), 0
    for i, token in enumerate(tokens):
        form, _, words = token.partition(":")
        after = "SpaceAfter=No" if i in glued else (misc or "_") if i + 1 == len(tokens) else "_"
        forms = words.split("+") if words else [form]
        if words:
            lines.append(f"{number + 1}-{number + len(forms)}\t{form}" + "\t_" * 7 + f"\t{after}")
        for word in forms:
            number += 1
            lines.append(f"{number}\t{word}\t_\tX\t_\t_\t_\t_\t_\t{'_' if words else after}")
    return "\n".join(lines) + "\n\n"


def read(path, **options):
    return list(RunningText(RunningTextOptions(**options)).rows(path))


def test_sentences_are_joined_as_the_file_says(write):
    path = write(
        block(["Don't:Do+n't", "go", "."], "# newdoc id = d1", "# newpar", glued=(1,))
        + block(["Why", "?"], "# text = Why?", misc="SpaceAfter=No")
        + block(["Me"], misc="SpacesAfter=\\n")
        + block(["End", "."], "# newpar", glued=(0,))
        + block(["Next"], "# newdoc id = d2"),
        "a.conllu",
    )
    rows = read(path)
    assert [row["text"] for row in rows] == ["Don't go. Why?Me", "End."]  # a text of one atom has nothing to learn
    assert rows[0]["words"] == ["Don", "'", "t", "go", ".", "Why", "?", "Me"]
    assert rows[0]["boundary"] == ["B 2 *", "I", "I", "B", "B.", "B", "B.", None]
    assert rows[1]["boundary"] == ["B", None]
    assert {row["document"] for row in rows} == {"d1"}


def test_every_atom_is_learnt_from_once_and_only_where_it_has_context(write):
    lengths = [3, 1, 9, 2, 30, 4, 8, 1, 1, 5] * 4
    path = write("".join(block([f"w{n}x"] + ["y"] * (n - 1) + ["."]) for n in lengths), "a.conllu")
    rows = read(path, window=20, margin=4)
    assert rows == read(path, window=20, margin=4)
    learnt = [label for row in rows for label in row["boundary"] if label is not None]
    expected = [label for n in lengths for label in ["B", "I", "I", *["B"] * (n - 1), "B."]][:-1]
    assert learnt == expected
    for i, row in enumerate(rows):
        assert len(row["words"]) == len(row["boundary"]) <= 20
        if i:
            assert row["boundary"][:4] == [None] * 4
        if i + 1 < len(rows):
            assert row["boundary"][-4:] == [None] * 4
    ends = [row["boundary"][-5] for row in rows[:-1]]
    assert {label.endswith(".") for label in ends if label} == {False} or len(set(ends)) > 1
    assert len(read(path, window=2000)) == 1


def test_it_can_be_trained_from_as_any_corpus(write):
    path = write(block(["No", "!"]) + block(["Yes", "."]), "a.conllu")
    found = load_corpus(
        reader="running_text", options={}, sources={"train": [str(path)]}, base=path.parent, cache_dir=None
    )
    assert found["train"].column_names[-1] == "boundary"
    with pytest.raises(RecipeError, match=r"options: margin: expected less than half of the window of 8, found 4"):
        load_corpus(
            reader="running_text", options={"window": 8, "margin": 4}, sources={"train": [str(path)]}, base=path.parent
        )


def test_a_damaged_file_is_told_as_by_the_reader_of_trees(write):
    path = write("1\tHi\t_\n\n", "a.conllu")
    with pytest.raises(DataError, match=r"a\.conllu, line 1: expected 10 columns"):
        read(path)


@pytest.mark.corpora
def test_labels_give_the_treebank_back(real_data):
    path = real_data / "ewt" / "dev.conllu"
    rows = read(path, window=10**6, margin=0)
    gold = sum(line.split("\t")[0].isdigit() for line in path.read_text(encoding="utf-8").splitlines() if "\t" in line)
    words = sentences = 0
    for row in rows:
        text = row["text"]
        labels = [label or "B" for label in row["boundary"]]
        for segment in segments_of(text, split_atoms(text), labels):
            words += len(segment.words)
            sentences += 1
    assert abs(words - gold) < 0.002 * gold
    assert 0 <= 2001 - sentences < 40  # paragraphs of one atom are left out
