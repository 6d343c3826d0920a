"""Figures of the report: small SVG pictures whose ink and series colours come from the page.

Text stays text (fonts and colours of the page, readable by screen readers), nothing depends on the
clock or on earlier figures, and no state of pyplot is touched.
"""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Colours of Okabe and Ito (2008), told apart by colour-blind readers too; CSS may replace them."""

_DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))
_MARKS = "os^DvP"
_INK = "#010203"  # stands for the page's text colour until the SVG is written
_PAPER = "#fefefe"  # likewise for its background
_SIZE = (4.6, 3.0)  # inches: text keeps a readable size when the figure fills a phone's width


@dataclass(frozen=True, eq=False)
class Series:
    """What is drawn in one colour: y (N,) over x (N,), as a line or as dots; NaN is bridged."""

    name: str
    x: NDArray[np.floating]
    y: NDArray[np.floating]
    dots: bool = False
    color: int | None = None
    """Place among `SERIES`; None: that of the series among its panel's."""


@dataclass(frozen=True, eq=False)
class Panel:
    """Axes with a heading and names; without names they have no ticks either."""

    title: str
    across: str
    up: str
    series: Sequence[Series]
    log: str = ""
    """Which axes are logarithmic: "x", "y", "xy"."""
    limits: tuple[float | None, float | None] = (None, None)
    """Of the upward axis."""
    legend: str | None = ""
    """Heading of the legend; None: no legend."""
    pictures: Sequence[NDArray[np.uint8]] = ()
    """(H, W, 4) each, drawn in place of the dots of the first series."""


def chart(title: str, panels: Sequence[Panel]) -> str:
    """Text of an SVG file that stands on its own, on white: panels in rows of two."""
    with _style(" ".join((title, *(panel.title + panel.up for panel in panels)))):
        columns, rows = min(len(panels), 2), -(-len(panels) // 2)
        figure = _figure(title, (columns * _SIZE[0], rows * _SIZE[1]))
        for place, panel in enumerate(panels, start=1):
            _fill(_axes(figure, (rows, columns, place), panel), panel)
        return _plain_svg(figure)


def _fill(axes: "Axes", panel: Panel) -> None:
    for place, one in enumerate(panel.series):
        _draw(axes, one, place if one.color is None else one.color)
    if panel.legend is not None and axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8.5, ncols=1 + (len(panel.series) > 3), title=panel.legend)
    for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
        if name in panel.log:
            getattr(axes, f"set_{name}scale")("log", nonpositive="mask")
            low, high = axis.get_view_interval()
            if high < 1e4 * low:
                _plain_ticks(axis)
        elif not (panel.across or panel.up):
            axis.set_ticks([])
    axes.set_ylim(*panel.limits)
    if panel.pictures:
        first = panel.series[0]
        for picture, x, y in zip(panel.pictures, first.x, first.y, strict=True):
            _picture(axes, picture, (x, y))


def _draw(axes: "Axes", one: Series, number: int) -> None:
    there = np.isfinite(one.y)
    color, turn = SERIES[number % len(SERIES)], number // len(SERIES)
    shared: Any = {"color": color, "label": one.name.replace("_", " ")}
    if one.dots:
        mark = _MARKS[(number + turn) % len(_MARKS)]
        axes.scatter(
            one.x[there], one.y[there], s=12 if len(one.x) > 1 else 40, alpha=0.6, lw=0, marker=mark, **shared
        )
        return
    dash = _DASHES[(turn or number) % len(_DASHES)]
    size = 3.5 if there.sum() < 16 else 0
    axes.plot(one.x[there], one.y[there], ls=dash, lw=1.6, marker="o", markersize=size, **shared)


def _picture(axes: "Axes", picture: NDArray[np.uint8], place: tuple[float, float]) -> None:
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    box = AnnotationBbox(OffsetImage(picture, zoom=24 / len(picture)), place, frameon=False, pad=0)
    axes.add_artist(box)


def curves(columns: Mapping[str, NDArray[np.float64]], title: str, share: bool = False) -> str:
    """SVG of every loss in `columns` over optimisation steps, on a logarithmic axis; or of shares, on [0, 1].

    `columns` holds `step` and (N,) arrays; a value that was not measured at a step is NaN. Values that
    a logarithm cannot show (zero or less) leave a gap.
    """
    names = [name for name in columns if name != "step" and np.any(columns[name] > 0)]
    series = [Series(name, columns["step"], columns[name]) for name in names]
    up, log, limits = ("share", "", (0, 1)) if share else ("loss (log scale)", "y", (None, None))
    return themed(chart(title, [Panel("", "optimisation step", up, series, log, limits)]))


def distribution(groups: Sequence[tuple[str, Sequence[float]]], title: str, axis: str) -> str:
    """SVG with one row of dots per group (name, values), its median marked, on a logarithmic axis."""
    with _style(title):
        names = max((len(name) for name, _ in groups), default=0)
        figure = _figure(title, (_SIZE[0] - 1 + names / 16, 1.1 + 0.36 * len(groups)))
        axes = _axes(figure, (1, 1, 1), Panel("", axis, "", []))
        axes.set_xscale("log", nonpositive="mask")
        _plain_ticks(axes.xaxis, 6)
        for row, (_, values) in enumerate(groups):
            shown = np.asarray([value for value in values if value > 0])
            if len(shown):
                axes.scatter(
                    shown, row + _spread(len(shown)), s=14, alpha=0.6, color=SERIES[row % len(SERIES)], lw=0
                )
                axes.plot([np.median(shown)] * 2, [row - 0.36, row + 0.36], color=_INK, linewidth=2)
        axes.set_yticks(range(len(groups)), [name for name, _ in groups])
        axes.set_ylim(len(groups) - 0.5, -0.5)
        return themed(_plain_svg(figure))


def _spread(count: int) -> NDArray[np.float64]:
    """Heights within a row that keep dots apart: the golden ratio's sequence, the same every time."""
    return np.arange(1, count + 1, dtype=np.float64) * 0.6180339887 % 1 / 2 - 0.25


def _plain_ticks(axis: "Axis", most: int = 8) -> None:
    """Numbers such as 0.5, 1, 2 along a logarithmic axis, not powers of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if most > 6 else (1, 3), numticks=most))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def _figure(title: str, size: tuple[float, float]) -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=10, x=0.01, ha="left", fontweight="bold")
    return figure


def _axes(figure: "Figure", place: tuple[int, int, int], panel: Panel) -> "Axes":
    axes = figure.add_subplot(*place, facecolor="none")
    axes.set_title(panel.title, fontsize=9, loc="left")
    axes.set_xlabel(panel.across)
    axes.set_ylabel(panel.up)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.18, linewidth=0.7)
    return axes


@contextmanager
def _style(salt: str) -> Iterator[None]:
    """Settings of matplotlib for one figure; `salt` keeps the ids inside two figures apart."""
    import matplotlib

    ink = dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "grid.color"), _INK
    )
    base = {"svg.fonttype": "none", "svg.hashsalt": salt, "font.size": 9}
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(base | ink)
        yield


def _plain_svg(figure: "Figure") -> str:
    """A figure as an SVG file that stands on its own, on white; deterministic."""
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", facecolor=_PAPER, metadata=nothing)
    return buffer.getvalue()


def themed(text: str) -> str:
    """The `<svg>` element of such a file alone, with the page's paper, ink and series colours."""
    text = text[text.index("<svg") :].replace(_INK, "currentColor").replace(_PAPER, "none")
    text = re.sub(
        r"<defs>\s*<style.*?</defs>", "", text, count=1, flags=re.DOTALL
    )  # it would reach the whole page
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text)  # the same in every figure, and nothing refers to them
    text = re.sub(r"font-family: [^;]*", "font-family: inherit", text)
    for number, color in enumerate(SERIES, start=1):
        text = text.replace(color, f"var(--series-{number}, {color})")
    return text
