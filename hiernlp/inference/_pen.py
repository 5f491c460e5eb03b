"""Writing and drawing lines in points, which is all that a picture of an analysis needs of matplotlib."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from hiernlp.figures import INK, Fonts, tint

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Measure(Protocol):
    """Tells how wide a text of a size is, in points."""

    def __call__(self, text: str, size: float) -> float:
        """Return the width."""
        ...


class Pen:
    """Draws simple things in points, y downwards."""

    def __init__(self, axes: Axes, fonts: Fonts) -> None:
        self.axes = axes
        self.fonts = fonts
        self._drawn: Counter[str] = Counter()

    def text(self, x: float, y: float, text: str, *, size: float, colour: str = INK, **settings: Any) -> None:  # noqa: ANN401
        """Write text; it is centred on (x, y) unless ``settings`` of matplotlib say otherwise."""
        settings = {"ha": "center", "va": "center_baseline"} | settings
        self.axes.text(
            x,
            y,
            self.fonts.drawable(text),
            fontsize=size,
            color=colour,
            family=self.fonts.families,
            parse_math=False,
            **settings,
        )

    def box(self, left: float, top: float, right: float, *, height: float, colour: str, gid: str) -> None:
        """Draw a rounded box, tinted inside; ``gid`` says what it is, so that an SVG can be styled."""
        from matplotlib.patches import FancyBboxPatch  # noqa: PLC0415 - slow to import

        shape = "round,pad=0,rounding_size=3"
        patch = FancyBboxPatch(
            (left, top), right - left, height, boxstyle=shape, fc=tint(colour), ec=colour, lw=0.9, zorder=2
        )
        patch.set_gid(self._name(gid))
        self.axes.add_patch(patch)

    def _name(self, what: str) -> str:
        """Return an identifier for the next thing of a sort; in SVG it must be the only one."""
        self._drawn[what] += 1
        return f"{what}-{self._drawn[what]}"

    def line(self, points: Sequence[tuple[float, float]], *, rounding: float, colour: str, gid: str) -> None:
        """Draw a line along points, its corners rounded, with an arrowhead at its end."""
        from matplotlib.patches import PathPatch, Polygon  # noqa: PLC0415 - slow to import
        from matplotlib.path import Path  # noqa: PLC0415 - slow to import

        vertices, codes = [points[0]], [Path.MOVETO]
        for before, corner, after in zip(points, points[1:], points[2:], strict=False):
            vertices += [_toward(corner, before, rounding), corner, _toward(corner, after, rounding)]
            codes += [Path.LINETO, Path.CURVE3, Path.CURVE3]
        x, y = points[-1]
        vertices.append((x, y - 4))
        codes.append(Path.LINETO)
        patch = PathPatch(Path(vertices, codes), fc="none", ec=colour, lw=1.0, zorder=1)
        patch.set_gid(self._name(gid))
        self.axes.add_patch(patch)
        self.axes.add_patch(Polygon([(x - 2.6, y - 5.5), (x + 2.6, y - 5.5), (x, y)], fc=colour, ec="none", zorder=3))


def _toward(corner: tuple[float, float], other: tuple[float, float], distance: float) -> tuple[float, float]:
    """Return the point at a distance from a corner toward another point, at most half the way."""
    dx, dy = other[0] - corner[0], other[1] - corner[1]
    length = (dx * dx + dy * dy) ** 0.5
    share = min(distance / length, 0.5) if length else 0.0
    return corner[0] + dx * share, corner[1] + dy * share


def measurer(fonts: Fonts) -> Measure:
    """Return a function that tells the width of a text of a size, in points."""
    from matplotlib.font_manager import FontProperties  # noqa: PLC0415 - slow to import
    from matplotlib.textpath import text_to_path  # noqa: PLC0415 - slow to import

    known: dict[tuple[str, float], float] = {}

    def measure(text: str, size: float) -> float:
        if (text, size) not in known:
            properties = FontProperties(family=fonts.families, size=size)
            drawn = fonts.drawable(text)
            known[text, size] = text_to_path.get_text_width_height_descent(drawn, properties, ismath=False)[0]
        return known[text, size]

    return measure
