"""Figures of the report: small SVG pictures whose ink and series colours come from the page.

Text stays text (fonts and colours of the page, readable by screen readers), nothing depends on the
clock or on earlier figures, and no state of pyplot is touched.
"""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Colours of Okabe and Ito (2008), told apart by colour-blind readers too; CSS may replace them."""

_DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))
_MARKS = "os^DvP"
_INK = "#010203"  # stands for the page's text colour until the SVG is written
_PAPER = "#fefefe"  # likewise for its background
_SIZE = (4.6, 3.0)  # inches: text keeps a readable size when the figure fills a phone's width
_INKED = "text.color axes.labelcolor axes.edgecolor xtick.color ytick.color grid.color".split()
_STYLE = {"svg.fonttype": "none", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False,
          "axes.grid": True, "grid.alpha": 0.18, "grid.linewidth": 0.7, "axes.facecolor": "none",
          "axes.titlesize": 9, "axes.titlelocation": "left", "legend.frameon": False, "legend.fontsize": 8.5,
          **dict.fromkeys(_INKED, _INK)}  # fmt: skip


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
    rows: Sequence[str] = ()
    """Names of the places 0, 1, ... of the upward axis, from the top, in place of numbers and a legend."""


def chart(title: str, panels: Sequence[Panel]) -> str:
    """Text of an SVG file that stands on its own, on white: panels in rows of two; always the same."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        salt = " ".join((title, *(panel.title + panel.up for panel in panels)))  # ids of two figures differ
        matplotlib.rcParams.update({**_STYLE, "svg.hashsalt": salt})
        columns, rows = min(len(panels), 2), -(-len(panels) // 2)
        high = 1.1 + 0.36 * len(panels[0].rows) if panels[0].rows else _SIZE[1]
        figure = Figure(figsize=(columns * _SIZE[0], rows * high), layout="constrained")
        figure.suptitle(title, fontsize=10, x=0.01, ha="left", fontweight="bold")
        for place, panel in enumerate(panels, start=1):
            _fill(figure.add_subplot(rows, columns, place), panel)
        text, nothing = io.StringIO(), dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(text, format="svg", facecolor=_PAPER, metadata=nothing)
        return text.getvalue()


def _fill(axes: "Axes", panel: Panel) -> None:
    axes.set(title=panel.title, xlabel=panel.across, ylabel=panel.up)
    for place, one in enumerate(panel.series):
        _draw(axes, one, place if one.color is None else one.color)
    for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
        if name in panel.log:
            _log_scale(axis, name)
        elif not (panel.across or panel.up):
            axis.set_ticks([])
    axes.set_ylim(*panel.limits)
    if panel.rows:
        axes.set_yticks(range(len(panel.rows)), panel.rows)
        axes.set_ylim(len(panel.rows) - 0.5, -0.5)
    elif axes.get_legend_handles_labels()[0]:
        axes.legend(ncols=1 + (len(panel.series) > 3))


def _draw(axes: "Axes", one: Series, number: int) -> None:
    there, turn = np.isfinite(one.y), number // len(SERIES)
    x, y = one.x[there], one.y[there]
    shared: Any = {"color": SERIES[number % len(SERIES)], "label": one.name.replace("_", " ")}
    if one.dots:
        mark = _MARKS[(number + turn) % len(_MARKS)]
        axes.scatter(x, y, s=14, alpha=0.6, lw=0, marker=mark, **shared)
    else:
        dash, size = _DASHES[(turn or number) % len(_DASHES)], 3.5 if len(y) < 16 else 0
        axes.plot(x, y, ls=dash, lw=1.6, marker="o", markersize=size, **shared)


def _log_scale(axis: "Axis", name: str) -> None:
    """A logarithmic axis; where it is short with numbers such as 0.5, 1, 2 along it, not powers of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    getattr(axis.axes, f"set_{name}scale")("log", nonpositive="mask")
    low, high = axis.get_view_interval()
    if high < 1e4 * low:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1, 3), numticks=8))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_formatter(NullFormatter())


def curves(title: str, series: Sequence[Series], share: bool = False) -> str:
    """SVG of losses over optimisation steps, on a logarithmic axis; or of shares, on [0, 1].

    Values that a logarithm cannot show (zero or less) leave a gap; a series of nothing else is left out.
    """
    up, log, limits = ("share", "", (0, 1)) if share else ("loss (log scale)", "y", (None, None))
    shown = [one for one in series if np.any(one.y > 0)]
    return themed(chart(title, [Panel("", "optimisation step", up, shown, log, limits)]))


def distribution(groups: Mapping[str, Sequence[float]], title: str, axis: str) -> str:
    """SVG with one row of dots per group of values by its name, the median marked, on a logarithmic axis."""
    series = []
    for row, values in enumerate(groups.values()):
        shown = np.array([value for value in values if value > 0])
        apart = np.arange(1, len(shown) + 1) * 0.6180339887 % 1 / 2 - 0.25  # the golden ratio's sequence
        series.append(Series("", shown, row + apart, True, row))
        middle = np.full(2, np.median(shown) if len(shown) else np.nan)
        series.append(Series("", middle, row + np.array([-0.36, 0.36]), color=row))
    return themed(chart(title, [Panel("", axis, "", series, "x", rows=list(groups))]))


def themed(text: str) -> str:
    """The `<svg>` element of such a file alone, with the page's paper, ink and series colours."""
    text = text[text.index("<svg") :].replace(_INK, "currentColor").replace(_PAPER, "none")
    # its style would reach the whole page; ids of groups are the same in every figure, and not referred to
    text = re.sub(r"<defs>\s*<style.*?</defs>", "", text, count=1, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    text = re.sub(r"font-family: [^;]*", "font-family: inherit", text)
    for number, color in enumerate(SERIES, start=1):
        text = text.replace(color, f"var(--series-{number}, {color})")
    return text
