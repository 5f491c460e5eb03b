"""CoNLL-U out: lossless, valid, and safe against any word."""

from __future__ import annotations

import io
import os
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from udtools.udeval import load_conllu
from udtools.validator import Validator

from hiernlp.corpora._entities import EntityFormat
from hiernlp.corpora.conllu import Conllu as Reader
from hiernlp.corpora.conllu import ConlluOptions
from hiernlp.decoding._features import join
from hiernlp.errors import HierNLPError
from hiernlp.inference.document import Document, Sentence
from hiernlp.inference.writers._brackets import Labelled, brackets, parse
from hiernlp.inference.writers._cells import form_cell
from hiernlp.inference.writers.conllu import Conllu

HARD = """\
# newdoc id = d1
# global.Entity = GRP-etype-infstat-minspan
# meta::genre = news
# newpar
# sent_id = d1-1
# s_type = decl
# text = Don't see Rome's (old) walls ...
1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_
1\tDo\tdo\tAUX\tVB\tMood=Imp|VerbForm=Fin\t3\taux\t3:aux\tDiscourse=x:1->2:0
2\tn't\tnot\tPART\tRB\t_\t3\tadvmod\t3:advmod\t_
3\tsee\tsee\tVERB\tVB\tMood=Imp\t0\troot\t0:root\t_
4-5\tRome's\t_\t_\t_\t_\t_\t_\t_\t_
4\tRome\tRome\tPROPN\tNNP\tNumber=Sing\t8\tnmod:poss\t8:nmod:poss\tEntity=(2-object-new-1(1-place-new-1)
5\t's\t's\tPART\tPOS\t_\t4\tcase\t4:case\t_
6\t(\t(\tPUNCT\t-LRB-\t_\t7\tpunct\t7:punct\tSpaceAfter=No
7\told\told\tADJ\tJJ\t_\t8\tamod\t8:amod\tXML=<b></b>
7.1\tand\tand\tCCONJ\t_\t_\t_\t_\t8:cc\t_
8\twalls\twall\tNOUN\tNNS\tNumber=Plur\t3\tobj\t3:obj\tBridge=1<2|Entity=2)|SpaceAfter=No
9\t_\t_\tPUNCT\t.\t_\t3\tpunct\t3:punct\t_

# sent_id = d1-2
# s_type = frag
# text = Yes
1\tYes\tyes\tINTJ\tUH\t_\t0\troot\t0:root\t_

# newdoc id = d2
# global.Entity = GRP-etype-infstat-minspan
# sent_id = d2-1
# text = No one
1\tNo\tno\tDET\tDT\tPronType=Neg\t2\tdet\t_\tEntity=(1-person-new-2
2\tone\tone\tNOUN\tNN\t_\t0\troot\t_\tEntity=1)

"""

READER = Reader(ConlluOptions())
COLUMNS = tuple(READER.columns())


def predicted(rows: list[dict[str, Any]], *, gold: bool = True) -> Document:
    """Return a document whose predictions are the gold annotations, with or without gold in its rows."""
    return Document(
        None,
        [
            Sentence(
                row["words"],
                annotations={column: row[column] for column in COLUMNS if row.get(column) is not None},
                row=row if gold else {key: value for key, value in row.items() if key not in COLUMNS},
                levels={"entities": "spans"},
            )
            for row in rows
        ],
    )


def read(text: str) -> list[dict[str, Any]]:
    return list(READER.parse(text))


def changed(row: dict[str, Any], **annotations: Any) -> str:
    return Document(None, [Sentence(row["words"], annotations=annotations, row=row)]).to_conllu()


@pytest.mark.parametrize("gold", [True, False])
def test_gold_written_as_predictions_gives_the_input_back(gold: bool) -> None:
    assert predicted(read(HARD), gold=gold).to_conllu() == HARD


@pytest.mark.parametrize("gold", [True, False])
def test_a_document_at_a_time_is_the_same_as_all_at_once(gold: bool) -> None:
    groups = [list(group) for _, group in groupby(read(HARD), key=lambda row: row["document"])]
    assert "".join(predicted(group, gold=gold).to_conllu() for group in groups) == HARD


@pytest.mark.corpora
@pytest.mark.parametrize("name", ["ewt/dev.conllu", "gum/dev.conllu"])
def test_real_corpora_come_back_byte_for_byte(name: str) -> None:
    folder = os.environ.get("HIERNLP_DATA")
    if folder is None or not (Path(folder) / name).is_file():
        pytest.skip(f"HIERNLP_DATA is not set to a folder with {name}")
    text = (Path(folder) / name).read_bytes().decode("utf-8")
    for gold in (True, False):
        assert predicted(read(text), gold=gold).to_conllu() == text


def test_only_what_was_predicted_is_replaced() -> None:
    row = read(HARD)[0]
    upos = ["X"] * 9
    lines, before = changed(row, upos=upos).rstrip("\n").split("\n"), HARD.split("\n")
    for new, old in zip(lines, before, strict=False):
        cells, kept = new.split("\t"), old.split("\t")
        if cells[0].isdigit():
            assert cells.pop(3) == "X"
            kept.pop(3)
        assert cells == kept


def test_enhanced_dependencies_become_the_tree_where_that_changed() -> None:
    row = read(HARD)[0]
    heads = list(row["head"])
    heads[6] = 3
    feats = [""] * 9
    words = [line.split("\t") for line in changed(row, head=heads, feats=feats).split("\n") if "\t" in line]
    deps = {cells[0]: cells[8] for cells in words}
    tree = {str(i): f"{h}:{r}" for i, (h, r) in enumerate(zip(heads, row["deprel"], strict=True), start=1)}
    assert deps == {**tree, "1-2": "_", "4-5": "_", "7.1": "8:cc"}
    assert {cells[5] for cells in words} == {"_"}
    before = {line.split("\t")[8] for line in HARD.split("\n\n", maxsplit=1)[0].split("\n") if "\t" in line}
    assert {line.split("\t")[8] for line in changed(row, feats=feats).split("\n") if "\t" in line} == before


def test_a_sentence_without_enhanced_dependencies_gets_none() -> None:
    row = read(HARD)[2]
    words = [line.split("\t") for line in changed(row, head=[0, 1]).split("\n") if "\t" in line]
    assert [(cells[6], cells[8]) for cells in words] == [("0", "_"), ("1", "_")]


def test_changed_entities_are_written_anew_in_the_whole_document() -> None:
    rows = read(HARD)
    wanted = [
        [{"start": 2, "end": 9, "label": "event"}, {"start": 3, "end": 8, "label": "work-of(art)"}],
        [],
        [{"start": 0, "end": 2, "label": "person"}],
    ]
    sentences = [Sentence(r["words"], annotations={"entities": w}, row=r) for r, w in zip(rows, wanted, strict=True)]
    text = Document(None, sentences).to_conllu()
    assert text.count("# global.Entity = eid-etype\n") == 2
    assert "GRP" not in text
    assert "Bridge" not in text
    assert "Entity=(e2-work%2Dof%28art%29" in text
    assert "Entity=(e3-person\n" in text
    assert "XML=<b></b>" in text
    again = read(text)
    assert [[(s["start"], s["end"]) for s in row["entities"]] for row in again] == [[(2, 9), (3, 8)], [], [(0, 2)]]
    # Written over its own output, nothing changes any more.
    bare = [{key: row[key] for key in ("words", "source")} for row in again]
    sentences = [Sentence(r["words"], annotations={"entities": w}, row=r) for r, w in zip(bare, wanted, strict=True)]
    assert Document(None, sentences).to_conllu() == text


def test_a_sentence_without_predicted_entities_keeps_its_own_in_the_new_form() -> None:
    rows = read(HARD)
    first = Sentence(rows[0]["words"], annotations={"entities": []}, row=rows[0])
    others = [Sentence(row["words"], row=row) for row in rows[1:]]
    again = read(Document(None, [first, *others]).to_conllu())
    assert [row["entities"] for row in again] == [[], [], rows[2]["entities"]]


def test_sentence_labels_become_comments_under_the_sources_own_key() -> None:
    rows = read(HARD)
    text = changed(rows[0], sentence_type="wh", sentence_type_probability={"wh": 0.98765, "decl": 0.01}, genre="news")
    assert "# s_type = wh\n" in text
    assert "sentence_type = " not in text
    assert "# sentence_type_probability = 0.9877\n# text = " in text
    assert "# genre" not in text
    assert "# genre = fiction\n# text = " in changed(rows[0], genre="fiction")
    assert "# sentence_type = wh\n" in changed(rows[2], sentence_type="wh")
    assert "# topics = a|b\n" in changed(rows[0], topics=["a", "b"])


def test_other_spans_and_columns_go_to_misc() -> None:
    row = read(HARD)[0]
    chunks = [{"start": 2, "end": 3, "label": "VP"}, {"start": 3, "end": 8, "label": "NP"}]
    nested = [*chunks, {"start": 3, "end": 4, "label": "NP"}]
    text = changed(
        row, chunks=chunks, super_tag=["a|b", None, *"cdefghi"], upos_probability=[0.5] * 9, upos=row["upos"]
    )
    found = {line.split("\t")[0]: line.split("\t")[9] for line in text.split("\n") if "\t" in line}
    assert found["1"] == "Discourse=x:1->2:0|SuperTag=a\\pb|UposProb=0.5"
    assert found["2"] == "UposProb=0.5"
    assert found["3"] == "Chunks=B-VP|SuperTag=c|UposProb=0.5"
    assert found["8"] == "Bridge=1<2|Entity=2)|SpaceAfter=No|Chunks=I-NP|SuperTag=h|UposProb=0.5"
    assert "Chunks=(e2-NP(e3-NP)" in changed(row, chunks=nested)


def test_a_source_of_other_words_is_refused() -> None:
    row = read(HARD)[0]
    sentence = Sentence(["one"], row=row)
    with pytest.raises(HierNLPError, match="sentence 1 of the document has 1 words, but its source has 9 words"):
        Document(None, [sentence]).to_conllu()
    with pytest.raises(HierNLPError, match="'head' needs one value for each of the sentence's 9 words"):
        changed(row, head=[1])


def analysis(text: str, words: list[list[tuple[int, str]]]) -> Document:
    """Return a complete analysis of raw text, its words given with their places."""
    sentences = []
    for found in words:
        count = len(found)
        sentences.append(
            Sentence(
                [word for _, word in found],
                start=found[0][0],
                end=found[-1][0] + len(found[-1][1]),
                word_starts=[start for start, _ in found],
                annotations={
                    "upos": ["X"] * count,
                    "xpos": ["X"] * count,
                    "feats": ["Number=Sing"] + [""] * (count - 1),
                    "lemma": [word.lower() for _, word in found],
                    "head": [0] + [1] * (count - 1),
                    "deprel": ["root"] + ["dep"] * (count - 1),
                    "entities": [{"start": 0, "end": count, "label": "x"}, {"start": 0, "end": 1, "label": "y"}],
                    "chunks": [{"start": 0, "end": 1, "label": "NP"}],
                    "sentence_type": "decl",
                },
                row={"sentence": f"s{len(sentences) + 1}"},
            )
        )
    return Document(text, sentences)


def validate(text: str, path: Path, *, level: int) -> list[str]:
    """Return what udtools finds wrong."""
    path.write_text(text, encoding="utf-8", newline="")
    state = Validator(lang="ud", level=level, output=None).validate_files([str(path)])
    return [str(incident) for incident in state.error_tracker]


ODD = """\
# newdoc id = odd
# sent_id = odd-1
# text = Zum "20 000 #1" 😀 geht's, ...
# a comment without any key
1-2\tZum\t_\t_\t_\t_\t_\t_\t_\tTypo=No
1\tzu\tzu\tADP\tAPPR\t_\t5\tcase\t5:case\t_
2\tdem\tder\tDET\tART\tCase=Dat|PronType=Art\t5\tdet\t5:det\t_
3\t"\t"\tPUNCT\t$(\t_\t5\tpunct\t5:punct\tSpaceAfter=No
4\t20 000\t20000\tNUM\tCARD\tNumType=Card\t5\tnummod\t5:nummod\tGloss=20|Odd=a=b
5\t#1\t#1\tSYM\t$(\t_\t8\tobl\t8:obl\tSpaceAfter=No
6\t"\t"\tPUNCT\t$(\t_\t5\tpunct\t5:punct\t_
7\t😀\t😀\tSYM\tSYM\t_\t8\tdiscourse\t8:discourse\t_
7.1\tes\tes\tPRON\t_\t_\t_\t_\t8:nsubj\tCopyOf=9
8-9\tgeht's\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No
8\tgeht\tgehen\tVERB\tVVFIN\tNumber=Sing\t0\troot\t0:root\t_
9\t's\tes\tPRON\tPPER\t_\t8\texpl\t8:expl\t_
9.1\tgut\tgut\tADV\t_\t_\t_\t_\t7.1:dep\t_
10\t,\t,\tPUNCT\t$,\t_\t8\tpunct\t8:punct\t_
11\t...\t...\tPUNCT\t$.\t_\t8\tpunct\t8:punct\tSpacesAfter=\\n

# sent_id = odd-2
# text = _ à
1\t_\t_\tSYM\t_\t_\t0\troot\t0:root\t_
2\tà\tà\tX\t_\tForeign=Yes\t1\tdep\t1:dep\t_

"""


@pytest.mark.parametrize("seed", range(3))
def test_new_columns_in_odd_sentences_are_valid(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    assert validate(ODD, tmp_path / "gold.conllu", level=2) == []
    sentences = []
    for row in read(ODD):
        words = row["words"]
        order = random.sample(range(1, len(words) + 1), len(words))
        heads = [0] * len(words)
        for i, word in enumerate(order[1:], start=1):
            heads[word - 1] = random.choice(order[:i])
        chosen = [random.sample(["Number=Sing", "Case=Nom", "Number[psor]=Plur", "NumType=Card"], 3) for _ in words]
        annotations = {
            "lemma": [random.choice([word, "x y", "|", "_"]) for word in words],
            "upos": random.choices(["NOUN", "VERB", "PUNCT"], k=len(words)),
            "xpos": random.choices(["$(", "N|V"], k=len(words)),
            "feats": [join(dict(item.split("=") for item in items)) for items in chosen],
            "head": heads,
            "deprel": ["root" if head == 0 else random.choice(["nsubj:pass", "dep"]) for head in heads],
        }
        sentences.append(Sentence(words, annotations=annotations, row=row))
    text = Document(None, sentences).to_conllu()
    assert validate(text, tmp_path / "new.conllu", level=2) == []
    assert len(load_conllu(io.StringIO(text, newline="\n"), "test", {}).words) == 13
    for new, old in zip(text.split("\n"), ODD.split("\n"), strict=True):
        cells, kept = new.split("\t"), old.split("\t")
        if kept[0].isdigit():
            assert (cells[0], cells[1], cells[9]) == (kept[0], kept[1], kept[9])
        else:
            assert new == old


def test_the_validator_finds_what_is_wrong(tmp_path: Path) -> None:
    assert validate(ODD.replace("8:nsubj", "7.1:nsubj"), tmp_path / "a.conllu", level=2)
    assert validate(ODD.replace("# sent_id = odd-2\n", ""), tmp_path / "b.conllu", level=2)


def test_sentences_without_names_are_numbered(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"sentence": "2"}, {}, {"sentence": "s2"}, {}]
    text = Document(None, [Sentence(["Hi"], row=row) for row in rows]).to_conllu()
    assert [line for line in text.split("\n") if "sent_id" in line] == [
        f"# sent_id = {name}" for name in ("2", "ss2", "s2", "4")
    ]
    filled = text.replace("_\t_\t_\t_\t_\t_\t_\t_", "hi\tX\t_\t_\t0\troot\t_\t_")
    assert validate(filled, tmp_path / "a.conllu", level=2) == []


def test_text_gets_its_white_space_from_the_words_places(tmp_path: Path) -> None:
    raw = "Well,  he\tsings.\n\nGood"
    document = analysis(raw, [[(0, "Well"), (4, ","), (7, "he"), (10, "sings"), (15, ".")], [(18, "Good")]])
    text = document.to_conllu()
    assert text.startswith(
        "# newdoc\n# global.Entity = eid-etype\n# sent_id = s1\n# sentence_type = decl\n# text = Well, he sings.\n"
    )
    misc = [line.split("\t")[9] for line in text.split("\n") if "\t" in line]
    assert misc == [
        "SpaceAfter=No|Chunks=B-NP|Entity=(e1-x(e2-y)",
        "SpacesAfter=\\s\\s",
        "SpacesAfter=\\t",
        "SpaceAfter=No",
        "SpacesAfter=\\n\\n|Entity=e1)",
        "Chunks=B-NP|Entity=(e3-x)(e4-y)",
    ]
    assert validate(text, tmp_path / "a.conllu", level=2) == []
    assert [row["words"] for row in read(text)] == [list(sentence.words) for sentence in document]


def test_rows_without_source_get_ids_and_text() -> None:
    rows = [
        {"sentence": "1", "document": "a b", "text": "It's"},
        {"sentence": "2", "document": "a b", "text": "another text"},
        {"sentence": None, "document": "c", "text": None},
    ]
    text = Document(None, [Sentence(["It", "'s"], row=row) for row in rows]).to_conllu()
    blocks = text.split("\n\n")
    assert (
        blocks[0]
        == "# newdoc id = a b\n# sent_id = 1\n# text = It's\n1\tIt" + "\t_" * 7 + "\tSpaceAfter=No\n2\t's" + "\t_" * 8
    )
    assert blocks[1].startswith("# sent_id = 2\n# text = another text\n1\tIt\t")
    assert blocks[2].startswith("# newdoc id = c\n# sent_id = 3\n# text = It 's\n1\tIt\t")


def test_real_analyses_pass_the_validator(tmp_path: Path) -> None:
    assert validate(predicted(read(HARD)).to_conllu(), tmp_path / "a.conllu", level=1) == []
    rows = [{key: value for key, value in row.items() if key != "source"} for row in read(HARD)]
    text = predicted(rows).to_conllu()
    assert validate(text, tmp_path / "b.conllu", level=1) == []
    assert [[row[c] for c in ("words", "upos", "head", "lemma")] for row in read(text)] == [
        [row[c] for c in ("words", "upos", "head", "lemma")] for row in rows
    ]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.text(st.characters()), min_size=1, max_size=8),
    st.text(st.characters(), max_size=10),
    st.lists(st.text(st.characters(), min_size=1, max_size=5), min_size=1, max_size=3),
)
def test_no_word_or_label_breaks_the_format(words: list[str], name: str, labels: list[str]) -> None:
    count = len(words)
    label = labels[0]
    annotations = {
        **dict.fromkeys(("upos", "xpos", "lemma", "feats", "odd_tags"), [label] * count),
        "head": [0] + [1] * (count - 1),
        "deprel": [label] * count,
        "entities": [{"start": 0, "end": count, "label": label}],
        "chunks": [{"start": 0, "end": 1, "label": label}],
        "topics": labels,
        "note": name,
    }
    row = {"sentence": name, "document": name, "text": "".join(labels)}
    sentence = Sentence(words, annotations=annotations, row=row, levels={"topics": "sentence"})
    text = Document(None, [sentence, sentence]).to_conllu()
    text.encode("utf-8")
    assert len(text.splitlines()) == text.count("\n")
    loaded = load_conllu(io.StringIO(text, newline="\n"), "test", {})
    assert len(loaded.words) == 2 * count
    assert len(loaded.sentences) == 2
    rows = read(text)
    assert [row["words"] for row in rows] == [[form_cell(word) for word in words]] * 2
    assert [[(s["start"], s["end"]) for s in row["entities"]] for row in rows] == [[(0, count)]] * 2


@given(st.text(st.characters()))
def test_a_form_keeps_its_length_and_plain_words_stay(word: str) -> None:
    cell = form_cell(word)
    assert len(cell) == max(1, len(word))
    assert form_cell(cell) == cell
    if word.isalnum():
        assert cell == word


@st.composite
def nested(draw: st.DrawFn) -> tuple[int, list[Labelled]]:
    words = draw(st.integers(1, 8))
    spans = draw(
        st.lists(
            st.tuples(st.integers(0, words - 1), st.integers(1, words), st.sampled_from("ab")).filter(
                lambda s: s[0] < s[1]
            ),
            max_size=6,
        )
    )
    return words, [Labelled(*span) for span in spans]


@given(nested())
def test_brackets_read_back_as_they_were_even_crossing(case: tuple[int, list[Labelled]]) -> None:
    words, spans = case
    lines = [(str(i), value) for i, value in enumerate(brackets(spans, words), 1)]
    assert sorted(parse(lines, EntityFormat()) or []) == sorted(spans)


def test_the_writers_own_columns_can_be_named() -> None:
    row = read(HARD)[1]
    mentions = [{"start": 0, "end": 1, "label": "x"}]
    sentence = Sentence(row["words"], annotations={"mentions": mentions, "mood": "glad"}, row=row)
    text = Conllu(entities="mentions", comments={"mood": "s_type"}).write(Document(None, [sentence]))
    assert "Entity=(e1-x)" in text
    assert "# s_type = glad\n" in text
