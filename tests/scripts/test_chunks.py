"""Base chunks from trees: known sentences, and what must hold for any tree."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="module")
def chunks():
    spec = importlib.util.spec_from_file_location("_chunks", SCRIPTS / "_chunks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["_chunks"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def bracketed(module, lines):
    """Return a sentence with its chunks in brackets; one line a word: form, UPOS, XPOS, head from 1, relation."""
    cells = [line.split() for line in lines.strip().split("\n")]
    words = [module.Word(form, upos, xpos, int(head) - 1, deprel) for form, upos, xpos, head, deprel in cells]
    out: list[str] = []
    for word, tag in zip(words, module.derive_chunks(words), strict=True):
        if tag.startswith("I-"):
            out[-1] = out[-1][:-1] + f" {word.form}]"
        else:
            out.append(word.form if tag == "O" else f"[{tag[2:]} {word.form}]")
    return " ".join(out)


SENTENCES = {
    "[NP The very old pound] [VP is widely expected to take] [NP another dive] .": """
        The DET DT 4 det
        very ADV RB 3 advmod
        old ADJ JJ 4 amod
        pound NOUN NN 7 nsubj:pass
        is AUX VBZ 7 aux:pass
        widely ADV RB 7 advmod
        expected VERB VBN 0 root
        to PART TO 9 mark
        take VERB VB 7 xcomp
        another DET DT 11 det
        dive NOUN NN 9 obj
        . PUNCT . 7 punct""",
    "[NP Ann] [NP 's new book] [VP is] n't [ADJP very good] [SBAR as] [NP it] [VP was] [PP in] [NP May 5 , 2017] .": """
        Ann PROPN NNP 4 nmod:poss
        's PART POS 1 case
        new ADJ JJ 4 amod
        book NOUN NN 8 nsubj
        is AUX VBZ 8 cop
        n't PART RB 8 advmod
        very ADV RB 8 advmod
        good ADJ JJ 0 root
        as SCONJ IN 13 mark
        it PRON PRP 13 nsubj
        was AUX VBD 13 cop
        in ADP IN 13 case
        May PROPN NNP 8 advcl
        5 NUM CD 13 nummod
        , PUNCT , 16 punct
        2017 NUM CD 13 nmod:unmarked
        . PUNCT . 8 punct""",
    "Do [NP they] [ADVP really] [VP believe] [NP the end] [PP because of] [NP July and August] ?": """
        Do AUX VBP 4 aux
        they PRON PRP 4 nsubj
        really ADV RB 4 advmod
        believe VERB VB 0 root
        the DET DT 6 det
        end NOUN NN 4 obj
        because ADP IN 9 case
        of ADP IN 7 fixed
        July PROPN NNP 4 obl
        and CCONJ CC 11 cc
        August PROPN NNP 9 conj
        ? PUNCT . 4 punct""",
    "[NP She] [VP gave] [PRT up] [PP before] [VP buying] [NP more than 190] [CONJP as well as] [NP a pen]": """
        She PRON PRP 2 nsubj
        gave VERB VBD 0 root
        up ADP RP 2 compound:prt
        before SCONJ IN 5 mark
        buying VERB VBG 2 advcl
        more ADJ JJR 8 advmod
        than ADP IN 6 fixed
        190 NUM CD 5 obj
        as ADV RB 13 cc
        well ADV RB 9 fixed
        as ADP IN 9 fixed
        a DET DT 13 det
        pen NOUN NN 8 conj""",
}


@pytest.mark.parametrize("expected", SENTENCES)
def test_known_sentences(chunks, expected):
    assert bracketed(chunks, SENTENCES[expected]) == expected


TAGS = [
    "NOUN",
    "PROPN",
    "PRON",
    "VERB",
    "AUX",
    "ADJ",
    "ADV",
    "ADP",
    "DET",
    "NUM",
    "PUNCT",
    "CCONJ",
    "SCONJ",
    "PART",
    "SYM",
]
RELATIONS = [
    "det",
    "amod",
    "advmod",
    "aux",
    "cop",
    "case",
    "mark",
    "cc",
    "conj",
    "nsubj",
    "obj",
    "xcomp",
    "flat",
    "fixed",
]


@given(st.data())
def test_any_tree_gets_legal_tags(chunks, data):
    count = data.draw(st.integers(1, 9))
    order = data.draw(st.permutations(range(count)))
    words = [None] * count
    for place, i in enumerate(order):
        head = -1 if place == 0 else data.draw(st.sampled_from(order[:place]))
        upos = data.draw(st.sampled_from(TAGS))
        xpos = data.draw(st.sampled_from(["NN", "TO", "VBG", "POS", "IN", "RB", "CD"]))
        words[i] = chunks.Word(
            data.draw(st.sampled_from(["x", ",", "even", "not"])),
            upos,
            xpos,
            head,
            data.draw(st.sampled_from(RELATIONS)),
        )
    tags = chunks.derive_chunks(words)
    assert len(tags) == count
    for before, tag in zip(["O", *tags], tags, strict=False):
        assert tag == "O" or tag[:2] in ("B-", "I-")
        assert not tag.startswith("I-") or before[2:] == tag[2:]
