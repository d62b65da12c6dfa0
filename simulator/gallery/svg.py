"""Figures as SVG text of a page or as PNG: the same drawing gives the same bytes; on a page colours and fonts are the page's."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TEXT, MUTED, LINE, SURFACE = "#15202b", "#55636f", "#d8dfe6", "#fffffe"
WITH, WITHOUT, DRAWN, SOLD, ONSET = "#0f62a3", "#97a3ae", "#e3a94f", "#17704a", "#b3261a"
SERIES = ("#0f62a3", "#b3261a", "#17704a", "#8a5cc2", "#a86a00", "#00838f", "#b0418a", "#6b7682", "#5b7f1c", "#a0522d")
PNG_COLOURS = 256
#: Colours that a page may set otherwise, for the dark.
VARIABLES = {
    TEXT: "text",
    MUTED: "muted",
    LINE: "line",
    SURFACE: "surface",
    WITH: "with",
    WITHOUT: "without",
    DRAWN: "drawn",
    SOLD: "sold",
    ONSET: "onset",
}


def _settings(name: str) -> dict[str, Any]:
    return {
        "svg.hashsalt": f"meterwatch {name}",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],
        "font.size": 8,
        "text.color": TEXT,
        "axes.edgecolor": LINE,
        "axes.labelcolor": MUTED,
        "axes.titlecolor": TEXT,
        "axes.titlesize": 8,
        "axes.titlelocation": "left",
        "axes.facecolor": "none",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.unicode_minus": False,
        "grid.color": LINE,
        "grid.linewidth": 0.6,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelsize": 7,
        "ytick.labelsize": 7,
        "lines.linewidth": 1.2,
        "lines.solid_joinstyle": "round",
    }


def svg(
    name: str, size_in: tuple[float, float], draw: Callable[[Figure], None], label: str, *, spaced: bool = True
) -> str:
    """The SVG element of one figure; `name` keeps its ids apart from those of others, `label` says what it shows.

    `spaced`: panels find their own places; without it `draw` places them, which is quicker.
    """
    text = io.StringIO()
    _drawn(
        name, size_in, draw, text, spaced=spaced, format="svg", metadata={"Date": None, "Creator": None, "Format": None}
    )
    return _for_page(text.getvalue(), label)


def png(path: Path, size_in: tuple[float, float], draw: Callable[[Figure], None], dpi: int = 100) -> None:
    """Write one figure as a picture of 256 colours on white; no date and no program's name in it."""
    from PIL import Image

    whole = io.BytesIO()
    _drawn(path.stem, size_in, draw, whole, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})
    with Image.open(whole) as picture:
        picture.convert("RGB").quantize(PNG_COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
            path, optimize=True
        )


def _drawn(
    name: str,
    size_in: tuple[float, float],
    draw: Callable[[Figure], None],
    to: Any,
    *,
    spaced: bool = True,
    **save: Any,
) -> None:
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    settings: Any = _settings(name)
    with mpl.rc_context():
        mpl.rcdefaults()  # a person's own matplotlibrc does not enter
        mpl.rcParams.update(settings)
        figure = Figure(figsize=size_in, layout="constrained" if spaced else None)
        FigureCanvasAgg(figure)
        if save["format"] == "svg":
            figure.patch.set_visible(False)
        draw(figure)
        figure.savefig(to, **save)


def _for_page(text: str, label: str) -> str:
    """Without prologue, fixed size and ids that nothing refers to; colours and fonts are the page's."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="\w+">', "<g>", text)
    text = re.sub(r' width="[\d.]+pt" height="[\d.]+pt"', "", text, count=1)
    text = re.sub(r"'DejaVu Sans'(, [^;\"]*)?", "var(--font)", text)
    text = re.sub(r"\s*\n\s*", "\n", text)
    # a tenth of a point is finer than the lines are wide
    text = re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\.\d)\d+", r"\1", path[0]), text)
    text = re.sub(r"<[^>]*>", lambda tag: re.sub(r"(\.\d\d)\d+", r"\1", tag[0]), text)
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, f"var(--{variable})")
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1).strip()


def mark_onset(axes: Axes, at: float) -> None:
    axes.axvline(at, color=ONSET, linewidth=0.9, linestyle=(0, (3, 2)))
