"""Figures of the report: small SVG pictures whose ink and series colours come from the page.

Text stays text (fonts and colours of the page, readable by screen readers), nothing depends on the
clock or on earlier figures, and no state of pyplot is touched.
"""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Colours of Okabe and Ito (2008), told apart by colour-blind readers too; CSS may replace them."""

_DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))
_INK = "#010203"  # stands for the page's text colour until the SVG is written
_SIZE = (4.6, 3.0)  # inches: text keeps a readable size when the figure fills a phone's width


def curves(columns: Mapping[str, NDArray[np.float64]], title: str, share: bool = False) -> str:
    """SVG of every loss in `columns` over optimisation steps, on a logarithmic axis; or of shares, on [0, 1].

    `columns` holds `step` and (N,) arrays; a value that was not measured at a step is NaN. Values that
    a logarithm cannot show (zero or less) leave a gap.
    """
    with _style(f"{title} {share}"):
        figure, axes = _blank(title, "optimisation step", "share" if share else "loss (log scale)")
        if share:
            axes.set_ylim(0, 1)
        else:
            axes.set_yscale("log", nonpositive="mask")
            _plain_ticks(axes.yaxis)
        names = [name for name in columns if name != "step" and np.any(columns[name] > 0)]
        for index, name in enumerate(names):
            _line(axes, columns["step"], columns[name], name, index)
        if names:
            axes.legend(frameon=False, fontsize=8.5, ncols=1 + (len(names) > 3))
        return _svg(figure)


def _line(
    axes: "Axes", steps: NDArray[np.float64], values: NDArray[np.float64], name: str, index: int
) -> None:
    measured = np.isfinite(values)
    axes.plot(
        steps[measured],
        values[measured],
        label=name.replace("_", " "),
        color=SERIES[index % len(SERIES)],
        linestyle=_DASHES[index // len(SERIES) % len(_DASHES)] if index >= len(SERIES) else _DASHES[index],
        linewidth=1.6,
        marker="o" if measured.sum() < 12 else None,
        markersize=3.5,
    )


def distribution(groups: Sequence[tuple[str, Sequence[float]]], title: str, axis: str) -> str:
    """SVG with one row of dots per group (name, values), its median marked, on a logarithmic axis."""
    with _style(title):
        figure, axes = _blank(title, axis, "")
        figure.set_size_inches(_SIZE[0], 1.1 + 0.5 * len(groups))
        axes.set_xscale("log", nonpositive="mask")
        _plain_ticks(axes.xaxis)
        for row, (_, values) in enumerate(groups):
            shown = np.asarray([value for value in values if value > 0])
            if len(shown):
                axes.scatter(
                    shown, row + _spread(len(shown)), s=14, alpha=0.6, color=SERIES[row % len(SERIES)], lw=0
                )
                axes.plot([np.median(shown)] * 2, [row - 0.36, row + 0.36], color=_INK, linewidth=2)
        axes.set_yticks(range(len(groups)), [name for name, _ in groups])
        axes.set_ylim(len(groups) - 0.5, -0.5)
        return _svg(figure)


def _spread(count: int) -> NDArray[np.float64]:
    """Heights within a row that keep dots apart: the golden ratio's sequence, the same every time."""
    return np.arange(1, count + 1, dtype=np.float64) * 0.6180339887 % 1 / 2 - 0.25


def _plain_ticks(axis: "Axis") -> None:
    """Numbers such as 0.5, 1, 2 along a logarithmic axis, not powers of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def _blank(title: str, across: str, up: str) -> tuple["Figure", "Axes"]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=10, loc="left", fontweight="bold")
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.18, linewidth=0.7)
    return figure, axes


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


def _svg(figure: "Figure") -> str:
    """The `<svg>` element alone, deterministic, with the page's colours in place of the stand-ins."""
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    text = re.sub(
        r"<defs>\s*<style.*?</defs>", "", text, count=1, flags=re.DOTALL
    )  # it would reach the whole page
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text)  # the same in every figure, and nothing refers to them
    text = re.sub(r"font-family: [^;]*", "font-family: inherit", text)
    for number, color in enumerate(SERIES, start=1):
        text = text.replace(color, f"var(--series-{number}, {color})")
    return text
