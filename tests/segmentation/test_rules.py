"""Sentences and words: nothing is lost, whatever the text, and sentence ends where readers see them."""

from __future__ import annotations

import re
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.errors import HierNLPError
from hiernlp.segmentation import languages, segment


def check(text, segments):
    """Check offsets, and that every character but white space is in exactly one word, in order."""
    covered = ""
    at = 0
    for sentence in segments:
        assert sentence.words
        assert sentence.start == sentence.starts[0]
        assert sentence.end == sentence.starts[-1] + len(sentence.words[-1])
        for word, start in zip(sentence.words, sentence.starts, strict=True):
            assert word
            assert not word.isspace()
            assert start >= at
            assert text[start : start + len(word)] == word
            assert not text[at:start].strip()
            at = start + len(word)
            covered += word
    assert not text[at:].strip()


pieces = st.sampled_from(
    re.findall(
        r"[^|]+",
        "Hi|U.S.|...|.|!|?!|\"|”|(|)|'s|can't|\n|\n\n|\r\n\r\n| |\t|😀|\u200b|\x00|\x1c|\u3000|。|e.g.|3.5|--|…|:)",
    )
)
odd_pieces = st.just("\ud800") | st.just("_" * 120) | st.just("http://a.b/c?d") | st.just("x" * 50)


@given(
    st.text(max_size=80)
    | st.lists(pieces | odd_pieces, max_size=20).map("".join)
    | st.text(st.characters(), max_size=20)
)
def test_no_character_is_lost(text):
    for language in ("en", "xx"):
        check(text, segment(text, language=language))


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("He left. Why? No!", ["He left.", "Why?", "No!"]),
        ('He left. "Why?" she said.', ["He left.", '"Why?" she said.']),
        ('She asked: "Is it?" He nodded.', ['She asked: "Is it?"', "He nodded."]),
        ("“Stop!” he said. “Go.” She went.", ["“Stop!” he said.", "“Go.”", "She went."]),
        ("It rained (a lot.) Then it stopped.", ["It rained (a lot.)", "Then it stopped."]),
        ("Well... maybe not. Well... Then what?", ["Well... maybe not.", "Well...", "Then what?"]),
        ("Really?! Yes…", ["Really?!", "Yes…"]),
        ("Dr. J. Smith lives in the U.S. today.", ["Dr. J. Smith lives in the U.S. today."]),
        ("He came at 5 p.m. The door was shut.", ["He came at 5 p.m.", "The door was shut."]),
        ("See fig. 2, vol. 3 (e.g. The Times).", ["See fig. 2, vol. 3 (e.g. The Times)."]),
        ("Visit example.com or 3.5 miles.", ["Visit example.com or 3.5 miles."]),
        ("A heading\n\nA text", ["A heading", "A text"]),
        ("A line\nand its end", ["A line\nand its end"]),
        ("one\r\n \r\ntwo", ["one", "two"]),
        ("😀", ["😀"]),
        ("", []),
        (" \n\t \n\n", []),
    ],
)
def test_sentences_end_where_readers_see_it(text, sentences):
    assert [text[s.start : s.end] for s in segment(text)] == sentences


def test_marks_of_other_scripts_end_sentences():
    assert len(segment("これは文です 。 これも文です 。", language="xx")) == 2
    assert len(segment("这是一个句子。这是另一个。", language="zh")) == 2


def test_words_are_those_of_the_language():
    assert segment("It isn't John's.")[0].words == ["It", "is", "n't", "John", "'s", "."]
    assert segment("L'homme d'ici", language="fr")[0].words == ["L'", "homme", "d'", "ici"]


@pytest.mark.parametrize(
    "text",
    ["x" * 10_000, "word " * 3000, "(" * 10_000, "ab. " * 60_000, "\u200b" * 5000, "\n" * 200_000, "a\n" * 150_000],
)
def test_long_texts_take_seconds_at_most(text):
    begin = time.perf_counter()
    segments = segment(text)
    assert time.perf_counter() - begin < 10
    check(text, segments)


def test_a_word_of_ten_thousand_letters_is_one_word():
    assert segment("x" * 10_000)[0].words == ["x" * 10_000]


def test_texts_past_the_limit_of_the_tokenizer_are_read():
    text = "A sentence of a few words. " * 40_000
    assert len(text) > 1_000_000
    segments = segment(text)
    assert len(segments) == 40_000
    assert {len(s.words) for s in segments} == {7}


def test_threads_get_the_same_answers():
    texts = [f"Sentence {i} isn't new{i}. It's the {i}th!" for i in range(200)]
    expected = [segment(text) for text in texts]
    found: list[list] = [[] for _ in range(4)]
    threads = [threading.Thread(target=lambda out=out: out.extend(segment(t) for t in texts)) for out in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(out == expected for out in found)


@pytest.mark.parametrize("language", ["english", "e", "", "../en", "EN"])
def test_an_unknown_language_is_one_sentence(language):
    with pytest.raises(HierNLPError, match="there are no rules for") as caught:
        segment("a", language=language)
    assert "\n" not in str(caught.value)
    assert "en" in languages()
