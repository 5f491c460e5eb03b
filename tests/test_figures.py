"""What all pictures share."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from hiernlp.errors import HierNLPError
from hiernlp.figures import PALETTE, UNKNOWN, Fonts, colours, save, tint


def test_a_tint_goes_from_white_to_the_colour() -> None:
    for colour in PALETTE:
        assert tint(colour, 0.0) == "#ffffff"
        assert tint(colour, 1.0) == colour.lower()


def test_labels_keep_their_colours_in_any_order() -> None:
    assert colours(["b", "a", "b"]) == colours(["a", "b"])
    assert len(set(colours([str(i) for i in range(len(PALETTE))]).values())) == len(PALETTE)
    assert set(colours([str(i) for i in range(50)]).values()) == set(PALETTE)


def test_a_character_of_no_font_becomes_a_box() -> None:
    fonts = Fonts("a\U0010fffd")
    assert fonts.drawable("a\U0010fffd") == f"a{UNKNOWN}"
    assert Fonts("abc é").families == ["DejaVu Sans"]


def test_nothing_half_written_is_left(tmp_path: Path) -> None:
    class Broken(Figure):
        def savefig(self, *args: object, **kwargs: object) -> None:
            super().savefig(*args, **kwargs)  # pyright: ignore[reportArgumentType]
            raise OSError("disk full")

    path = tmp_path / "a.png"
    path.write_bytes(b"before")
    with pytest.raises(OSError, match="disk full"):
        save(Broken(figsize=(1, 1)), path)
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
    assert path.read_bytes() == b"before"


def test_a_huge_picture_is_made_smaller(tmp_path: Path) -> None:
    assert save(Figure(figsize=(0.5, 400)), tmp_path / "tall.png", resolution=150).stat().st_size > 0
    with pytest.raises(HierNLPError, match="does not exist"):
        save(Figure(), tmp_path / "none" / "a.png")
