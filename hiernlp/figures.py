"""What all pictures share: colours, fonts that have the characters, and saving a file whole or not at all.

matplotlib is imported on need and used through its objects only, so that no window, backend or global state is touched.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from hiernlp.errors import HierNLPError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B8860B", "#56B4E9", "#7B5EA7", "#6B6B6B")
"""Colours that colour-blind readers tell apart, after Okabe and Ito (2008); its yellow is darkened to show on white."""

INK, MUTED, FAINT = "#1F2430", "#6B7280", "#D9DDE3"
"""Colours of text, of what is secondary, and of lines that only guide the eye."""

SUFFIXES = (".png", ".svg")
FONT = "DejaVu Sans"
_PLACEHOLDERS = "Last Resort"  # fonts that have a box for every character
UNKNOWN = "\u25a1"
"""Drawn for a character that no installed font has."""


def tint(colour: str, share: float = 0.16) -> str:
    """Return a colour thinned with white.

    Example:
        >>> tint("#000000", 0.5)
        '#808080'
    """
    parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(255 - (255 - part) * share):02x}" for part in parts)


def check_path(path: str | os.PathLike[str]) -> Path:
    """Return the path of a picture that can be written.

    Raises:
        HierNLPError: the suffix is neither ``.png`` nor ``.svg``, or the folder does not exist.
    """
    target = Path(path)
    if target.suffix.lower() not in SUFFIXES:
        raise HierNLPError(f"expected a picture's name to end in .png or .svg, found {str(target)!r}; add one of them")
    if not target.parent.is_dir():
        raise HierNLPError(f"the folder {str(target.parent)!r} for the picture does not exist; make it first")
    return target


def save(figure: Figure, path: str | os.PathLike[str], *, resolution: float = 150) -> Path:
    """Write a figure as PNG or SVG, by the path's suffix, and return the path; nothing half-written is left behind.

    Args:
        figure: what to write.
        path: where to.
        resolution: dots an inch of a PNG; lowered for pictures of more than 30,000 dots on a side.

    Raises:
        HierNLPError: see :func:`check_path`.
    """
    import matplotlib as mpl  # noqa: PLC0415 - slow to import

    target = check_path(path)
    suffix = target.suffix.lower()
    dots = min(resolution, 30_000 / max(figure.get_size_inches()))
    handle, name = tempfile.mkstemp(suffix=suffix, prefix=".hiernlp-", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        # A fixed salt and no date: the same document gives the same file.
        with mpl.rc_context({"svg.hashsalt": "hiernlp", "svg.fonttype": "path"}):
            figure.savefig(
                temporary,
                format=suffix[1:],
                dpi=dots,
                facecolor="white",
                metadata={"Date": None} if suffix == ".svg" else None,
            )
        temporary.chmod(0o644)
        temporary.replace(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
    return target


@lru_cache(maxsize=64)
def _characters(file: str) -> frozenset[int]:
    from matplotlib.font_manager import get_font  # noqa: PLC0415 - slow to import

    try:
        return frozenset(get_font(file).get_charmap())
    except (OSError, RuntimeError):  # a damaged font is as good as none
        return frozenset()


class Fonts:
    """The fonts that together have the characters of some text.

    Args:
        text: all that will be drawn.

    Attributes:
        families: names of fonts in the order in which a character is looked for.
    """

    def __init__(self, text: str) -> None:
        from matplotlib.font_manager import findfont, fontManager  # noqa: PLC0415 - slow to import

        self.families: list[str] = [FONT]
        missing = {ord(char) for char in text} - _characters(findfont(FONT))
        for entry in fontManager.ttflist if missing else ():
            if (
                entry.style == "normal"
                and not entry.name.startswith(_PLACEHOLDERS)
                and (found := missing & _characters(entry.fname))
            ):
                self.families.append(entry.name)
                missing -= found
            if not missing:
                break
        self._missing = missing

    def drawable(self, text: str) -> str:
        """Return the text with a box for every character that no font has."""
        return "".join(UNKNOWN if ord(char) in self._missing else char for char in text)


def colours(labels: Sequence[str]) -> dict[str, str]:
    """Return a colour for each label, the same for the same set of labels."""
    return {label: PALETTE[i % len(PALETTE)] for i, label in enumerate(sorted(set(labels)))}
