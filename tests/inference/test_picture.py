"""The picture of an analysis."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

from hiernlp.errors import HierNLPError
from hiernlp.inference.document import Document, Sentence
from hiernlp.inference.picture import draw, figure


def chain(words: list[str], **annotations: Any) -> Sentence:
    """Return a sentence whose words all depend on the second one."""
    count = len(words)
    heads = [2] * count
    if count > 1:
        heads[1] = 0
    else:
        heads[0] = 0
    return Sentence(
        words,
        annotations={
            "upos": ["NOUN"] * count,
            "head": heads,
            "deprel": ["root" if head == 0 else "nmod:poss" for head in heads],
            **annotations,
        },
    )


SHORT = chain(
    ["The", "walls", "of", "Rome"],
    entities=[{"start": 0, "end": 4, "label": "object"}, {"start": 3, "end": 4, "label": "organization"}],
    entities_probability=[0.9, 0.8],
    chunks=[{"start": 0, "end": 2, "label": "NP"}],
    sentence_type="decl",
    sentence_type_probability={"decl": 0.97, "wh": 0.03},
)
LONG = chain(
    [f"word{i}" for i in range(35)], sentence_type="frag", entities=[{"start": 3, "end": 30, "label": "event"}]
)


def artists(picture: Figure, gid: str) -> int:
    return sum((patch.get_gid() or "").startswith(f"{gid}-") for patch in picture.axes[0].patches)


def texts(picture: Figure) -> list[Text]:
    return [text for text in picture.axes[0].texts if text.get_text()]


def test_every_arc_span_and_label_is_drawn_once() -> None:
    picture = figure(Document(None, [SHORT]))
    assert artists(picture, "arc") == 3
    assert artists(picture, "stub") == 1
    assert artists(picture, "span") == 3
    assert artists(picture, "label") == 1
    shown = [text.get_text() for text in texts(picture)]
    for expected in (
        "The",
        "walls",
        "NOUN",
        "nmod:poss",
        "root",
        "object 0.90",
        "organization 0.80",
        "NP",
        "decl  0.97",
    ):
        assert expected in shown


def test_a_long_sentence_is_broken_into_rows_and_loses_no_arc() -> None:
    picture = figure(Document(None, [LONG]), width=10)
    assert artists(picture, "arc") + artists(picture, "stub") == 35
    assert artists(picture, "stub") > 1
    shown = [text.get_text() for text in texts(picture)]
    assert "nmod:poss \u2190 word1" in shown
    assert sum("event" in text for text in shown) == artists(picture, "span") > 1


@pytest.mark.parametrize("sentence", [SHORT, LONG], ids=["short", "long"])
def test_no_two_texts_overlap_and_all_lie_inside(sentence: Sentence) -> None:
    picture = figure(Document(None, [sentence, SHORT]))
    canvas = FigureCanvasAgg(picture)
    canvas.draw()
    boxes = [(text.get_text(), text.get_window_extent(canvas.get_renderer())) for text in texts(picture)]
    whole = picture.bbox
    for i, (one, first) in enumerate(boxes):
        assert whole.x0 <= first.x0 <= first.x1 <= whole.x1, one
        assert whole.y0 <= first.y0 <= first.y1 <= whole.y1, one
        for other, second in boxes[:i]:
            across = min(first.x1, second.x1) - max(first.x0, second.x0)
            along = min(first.y1, second.y1) - max(first.y0, second.y0)
            assert across <= 1 or along <= 3, (one, other)


@pytest.mark.parametrize("suffix", [".png", ".svg", ".PNG"])
def test_a_file_is_made_and_not_blank(tmp_path: Path, suffix: str) -> None:
    path = draw(Document(None, [SHORT, LONG]), tmp_path / f"picture{suffix}", resolution=50)
    assert list(tmp_path.iterdir()) == [path]
    if suffix == ".svg":
        names = re.findall(r' id="((?:arc|stub|span|label)-\d+)"', path.read_text(encoding="utf-8"))
        assert len(names) == len(set(names)) >= 3 + 35
    else:
        pixels = imread(path)[..., :3]
        assert 0.001 < float(np.mean(pixels < 0.5)) < 0.5


def test_the_same_document_gives_the_same_file(tmp_path: Path) -> None:
    for suffix in (".png", ".svg"):
        files = [draw(Document(None, [SHORT]), tmp_path / f"{i}{suffix}", resolution=50) for i in range(2)]
        assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize(
    "words",
    [["x" * 10_000], ["\u200b", "\x00\x1b[2J", "", " "], ["東京", "😀", "$a_b$", "\ud800", "عربي"], ["a"] * 300],
    ids=["long word", "odd", "scripts", "many"],
)
def test_odd_words_are_drawn_without_a_warning(tmp_path: Path, words: list[str]) -> None:
    assert draw(Document(None, [chain(words)]), tmp_path / "odd.png", resolution=30).stat().st_size > 0


def test_sentences_without_annotations_show_their_words() -> None:
    picture = figure(Document(None, [Sentence(["a", "b"]), Sentence(["c"], annotations={"entities": []})]))
    assert {"a", "b", "c"} <= {text.get_text() for text in texts(picture)}


def test_heads_that_are_no_tree_are_drawn_all_the_same() -> None:
    sentence = Sentence(["a", "b", "c"], annotations={"head": [1, None, 2]})
    picture = figure(Document(None, [sentence]))
    assert (artists(picture, "arc"), artists(picture, "stub")) == (1, 1)


def test_mistakes_are_told_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(HierNLPError, match=r"end in \.png or \.svg, found"):
        draw(Document(None, [SHORT]), tmp_path / "picture.gif")
    with pytest.raises(HierNLPError, match=r"folder .* does not exist"):
        draw(Document(None, [SHORT]), tmp_path / "none" / "picture.png")
    with pytest.raises(HierNLPError, match="no sentence"):
        draw(Document("", []), tmp_path / "picture.png")
    assert list(tmp_path.iterdir()) == []
