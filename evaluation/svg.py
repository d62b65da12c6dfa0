"""Figures as SVG text for a page: colours and fonts are the page's own, and the same drawing gives the same bytes."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Colours a figure is drawn in, each standing for a variable of the page: so one drawing reads in light and in dark.
TEXT, MUTED, LINE, SURFACE = "#010101", "#020202", "#030303", "#040404"
ACCENT, BAD, GOOD, WARN = "#050505", "#060606", "#070707", "#080808"
SERIES = ("#0a0a01", "#0a0a02", "#0a0a03", "#0a0a04", "#0a0a05", "#0a0a06", "#0a0a07", "#0a0a08")
VARIABLES = {
    TEXT: "text",
    MUTED: "muted",
    LINE: "line",
    SURFACE: "surface",
    ACCENT: "accent",
    BAD: "bad",
    GOOD: "good",
    WARN: "warn",
} | {colour: f"series-{n}" for n, colour in enumerate(SERIES, start=1)}


def settings(name: str) -> Any:
    """matplotlib's settings for one drawing; `name` keeps the ids of a page's drawings apart."""
    return {
        "svg.hashsalt": f"meterwatch {name}",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],
        "font.size": 9,
        "text.color": TEXT,
        "axes.edgecolor": LINE,
        "axes.labelcolor": MUTED,
        "axes.facecolor": "none",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": LINE,
        "grid.linewidth": 0.6,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "lines.linewidth": 1.6,
        "lines.solid_joinstyle": "round",
    }


def drawn(
    name: str, size_in: tuple[float, float], draw: Callable[[Figure], None], label: str, *, spaced: bool = True
) -> str:
    """The SVG element of one figure. `label` says in words what it shows, for those who do not see it. `spaced`: axes find
    their own places."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context():
        # a person's own matplotlibrc does not enter
        mpl.rcdefaults()
        mpl.rcParams.update(settings(name))
        figure = Figure(figsize=size_in, layout="constrained" if spaced else None)
        figure.patch.set_visible(False)
        FigureCanvasSVG(figure)
        draw(figure)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _for_page(text.getvalue(), label)


def _for_page(svg: str, label: str) -> str:
    """Without prologue, fixed size and ids that nothing refers to; colours and fonts are the page's."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="\w+">', "<g>", svg)
    svg = re.sub(r' width="[\d.]+pt" height="[\d.]+pt"', "", svg, count=1)
    svg = re.sub(r"'DejaVu Sans'(, [^;\"]*)?", "var(--font)", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1).strip()


def legend(entries: Sequence[tuple[str, str]]) -> str:
    """An HTML legend of (colour, words) pairs; words are the page's and may be of any script."""
    swatches = (
        f'<span><i style="background:var(--{VARIABLES[colour]})"></i>{escape(words)}</span>'
        for colour, words in entries
    )
    return f'<p class="legend">{"".join(swatches)}</p>'
