"""Subwords: every word has one at least, whatever it is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hiernlp.encoding.subwords import SubwordEncoder
from hiernlp.errors import HierNLPError

ODD = [
    "", " ", "\t", "\u200b", "\u200d\u200d", "\x00", "\x07\x1b",
    "\ufeff", "\ud7ff", "🙂", "👩‍👩‍👧", "नमस्ते", "ﷺ", "e\u0301", "a b", "[CLS]",
]  # fmt: skip

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


@pytest.fixture(scope="module")
def encoder(tiny_encoder: Path) -> SubwordEncoder:
    return SubwordEncoder.from_pretrained(tiny_encoder, limit=64)


def byte_level(folder: Path, **options: Any) -> Path:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import RobertaTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {piece: i for i, piece in enumerate([*SPECIAL, *alphabet, "Ġc", "at"])}
    tokenizer = Tokenizer(models.BPE(vocabulary, [("Ġ", "c"), ("a", "t")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    RobertaTokenizerFast(tokenizer_object=tokenizer, add_prefix_space=False).save_pretrained(folder)
    return folder


def check(encoder: SubwordEncoder, words: list[str]) -> None:
    [found] = encoder.encode([words])
    assert len(found.lengths) == len(words)
    assert min(found.lengths) >= 1
    assert max(found.lengths) <= encoder.most_subwords
    assert sum(found.lengths) == len(found.ids)
    # A word is encoded alike whatever stands beside it.
    at = 0
    for word, length in zip(words, found.lengths, strict=True):
        [alone] = encoder.encode([[word]])
        assert alone.ids == found.ids[at : at + length]
        at += length


def test_words_are_encoded_as_the_tokenizer_encodes_them_among_others(encoder: SubwordEncoder) -> None:
    sentences = [["cat", "dogs", "cat"], ["dogs", "unseen", *ODD], ["cat"]]
    for words in sentences * 2:  # the second time all words are known
        [found] = encoder.encode([words])
        given = encoder.tokenizer([words], is_split_into_words=True, add_special_tokens=False).encodings[0]
        of_word = [[i for i, at in zip(given.ids, given.word_ids, strict=True) if at == n] for n in range(len(words))]
        expected = [ids[: encoder.most_subwords] or [encoder.unknown] for ids in of_word]
        assert found.lengths == [len(ids) for ids in expected]
        assert found.ids == [i for ids in expected for i in ids]


def test_few_words_are_kept(encoder: SubwordEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hiernlp.encoding.subwords.MOST_KNOWN", 4)
    words = ["cat", "dog", "cats", "dogs", "catdog", "dogcat", "cat"]
    expected = [encoder.encode([[word]])[0] for word in words]
    assert len(encoder._known) <= 4
    [found] = encoder.encode([words])
    assert found.ids == [i for one in expected for i in one.ids]
    assert encoder.encode([[word] for word in words]) == expected


def test_odd_words(encoder: SubwordEncoder) -> None:
    check(encoder, ["cat", *ODD, "x" * 10_000, "dog"])
    [found] = encoder.encode([["cat", "\u200b", "x" * 10_000]])
    assert found.lengths[0] == 1
    assert found.ids[1] == encoder.unknown


@settings(max_examples=60)
@given(st.lists(st.text(max_size=8), min_size=1, max_size=6))
def test_any_words(encoder: SubwordEncoder, words: list[str]) -> None:
    check(encoder, words)


@settings(max_examples=60)
@given(st.lists(st.text(max_size=8), min_size=1, max_size=6))
def test_any_words_in_bytes(byte_encoder: SubwordEncoder, words: list[str]) -> None:
    check(byte_encoder, words)


@pytest.fixture(scope="module")
def byte_encoder(tmp_path_factory: pytest.TempPathFactory) -> SubwordEncoder:
    return SubwordEncoder.from_pretrained(byte_level(tmp_path_factory.mktemp("bytes")), limit=64)


def test_byte_level_words_look_as_after_a_space(byte_encoder: SubwordEncoder) -> None:
    assert byte_encoder.tokenizer.add_prefix_space
    [found] = byte_encoder.encode([["cat", "cat"]])
    assert found.ids == found.ids[:2] * 2
    assert byte_encoder.tokenizer.convert_ids_to_tokens(found.ids[:2]) == ["Ġc", "at"]
    assert (byte_encoder.prefix, byte_encoder.suffix) == ([0], [2])


def test_special_subwords_and_room(encoder: SubwordEncoder) -> None:
    tokens = encoder.tokenizer.convert_ids_to_tokens
    assert (tokens(encoder.prefix), tokens(encoder.suffix)) == (["[CLS]"], ["[SEP]"])
    assert (encoder.limit, encoder.size, encoder.most_subwords) == (64, 62, 15)
    assert tokens([encoder.padding, encoder.unknown]) == ["[PAD]", "[UNK]"]
    ids = encoder.tokenizer("the cat")["input_ids"]
    assert [*encoder.prefix, *encoder.encode([["the", "cat"]])[0].ids, *encoder.suffix] == ids


def test_many_sentences_at_once(encoder: SubwordEncoder) -> None:
    sentences = [["the", "cat"], ["mary"], ["zebra", "\u200b"]]
    assert encoder.encode(sentences) == [encoder.encode([s])[0] for s in sentences]
    assert encoder.encode([]) == []


def test_a_slow_tokenizer_is_refused() -> None:
    class Slow:
        is_fast = False

    with pytest.raises(HierNLPError, match=r"encoder.name: Slow is not a fast tokenizer"):
        SubwordEncoder(Slow(), limit=10)


def test_no_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(HierNLPError, match="no tokenizer can be loaded") as error:
        SubwordEncoder.from_pretrained(tmp_path / "nowhere", limit=10)
    assert "\n" not in str(error.value)
