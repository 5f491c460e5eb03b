"""Labels of atoms: what they say of a text's sentences and words can be read back, and any labels say something."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hiernlp.segmentation import MultiwordToken
from hiernlp.segmentation.atoms import split_atoms
from hiernlp.segmentation.boundaries import Token, labels_of, segments_of


def labels(text: str, tokens: list[tuple[str, list[str], bool]]) -> list[str | None]:
    """Return the labels of a text's atoms, given each token with its words and whether a sentence ends after it."""
    found, at = [], 0
    for form, words, ends in tokens:
        start = text.index(form, at)
        at = start + len(form)
        found.append(Token(start, at, words, ends))
    return labels_of(text, split_atoms(text), found)


def test_the_example_of_the_description():
    tokens = [("Don't", ["Do", "n't"], False), ("go", [], False), (".", [], True), ("Why", [], False), ("?", [], True)]
    assert labels("Don't go. Why?", tokens) == ["B 2 *", "I", "I", "B", "B.", "B", "B."]


def test_words_may_go_on_across_white_space():
    text = "20 000 km"
    found = labels(text, [("20 000", [], False), ("km", [], True)])
    assert found == ["B", "J", "B."]
    (sentence,) = segments_of(text, split_atoms(text), ["B", "J", "B."])
    assert sentence.words == ["20 000", "km"]


def test_what_no_label_can_say_has_none():
    # The token "alot" is one atom but two tokens of the treebank; what is beside it is not touched.
    assert labels(
        "I see alot .", [("I", [], False), ("see", [], False), ("a", [], False), ("lot", [], False), (".", [], True)]
    ) == [
        "B",
        "B",
        None,
        "B.",
    ]
    # Words that no split can give: the rest of the token is still told.
    assert labels("x-y z", [("x-y", ["a+b", "c"], False), ("z", [], True)]) == [None, "I", "I", "B."]


words = st.lists(
    st.sampled_from(["Hi", "U.S.", "don't", "a-b", ".", "...", "?!", "3.5", "n't", "漢字", "20 000"]), min_size=1
)


@given(st.lists(words, min_size=1, max_size=4), st.sampled_from([" ", "\n", "  "]))
def test_sentences_and_words_can_be_read_back(sentences, blank):
    text, tokens = "", []
    for sentence in sentences:
        for i, word in enumerate(sentence):
            split = ["do", "n't"] if word == "don't" else []
            tokens.append(Token(len(text), len(text) + len(word), split, ends=i + 1 == len(sentence)))
            text += word + blank
    atoms = split_atoms(text)
    found = labels_of(text, atoms, tokens)
    assert None not in found
    read = list(segments_of(text, atoms, [label or "" for label in found]))
    expected = [[part for word in s for part in (["do", "n't"] if word == "don't" else [word])] for s in sentences]
    assert [segment.words for segment in read] == expected
    for segment in read:
        assert [text[a:b] for a, b in zip(segment.starts, segment.ends, strict=True)] == segment.words
        assert all(text[t.start : t.end] == "don't" for t in segment.multiword)


some_labels = st.sampled_from(["B", "B.", "I", "I.", "J", "J.", "B * 3", "B. 2 *", "B du>de+le", "", "I 1 *"])


@given(st.text("adu't. \n漢\ud8001-", max_size=40), st.data())
def test_any_labels_give_sentences_with_every_atom_in_one_token(text, data):
    atoms = split_atoms(text)
    given_labels = data.draw(st.lists(some_labels, min_size=len(atoms), max_size=len(atoms)))
    at = 0
    for segment in segments_of(text, atoms, given_labels):
        assert segment.words
        assert segment.start == segment.starts[0] >= at
        covered = segment.start
        for word, start, end in zip(segment.words, segment.starts, segment.ends, strict=True):
            assert word
            assert start <= covered or not text[covered:start].strip()
            assert start < end
            covered = max(covered, end)
        for token in segment.multiword:
            assert isinstance(token, MultiwordToken)
            assert segment.starts[token.first] == token.start
            assert segment.ends[token.last - 1] == token.end
        assert covered == segment.end
        assert not text[at : segment.start].strip()
        at = segment.end
    assert not text[at:].strip()


def test_a_sentence_ends_neither_within_a_token_nor_by_an_atom_that_goes_on():
    text = "a.b c"
    atoms = split_atoms(text)
    found = [s.words for s in segments_of(text, atoms, ["B.", "I.", "I.", "I"])]
    assert found == [["a.b"], ["c"]]
