"""The charts of a run as a whole: detection over days, precision over recall, risk of normal and abnormal, visits by week."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evaluation.inspections import Inspections
from evaluation.ranking import Ranking, precision_recall
from evaluation.svg import ACCENT, BAD, GOOD, LINE, MUTED, SERIES, TEXT, drawn

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def detection_curves(groups: Mapping[str, NDArray[np.float64]], longest_days: float) -> str:
    """Share of cases detected within so many days, one step line per group; days are infinite for missed cases.

    The first group is drawn strongest.
    """

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for nth, (_, days) in enumerate(groups.items()):
            x, y = detected_by(days, longest_days)
            colour, width = (TEXT, 2.4) if nth == 0 else (SERIES[(nth - 1) % len(SERIES)], 1.4)
            axes.step(x, y, where="post", color=colour, linewidth=width, zorder=3 if nth == 0 else 2)
        axes.set(ylim=(0, 102), xlabel="days since onset", ylabel="% of cases detected")
        _scale_days(axes, longest_days)

    return drawn("detection", (5.6, 3.2), draw, "share of cases detected by days since onset")


def _scale_days(axes: Axes, longest_days: float) -> None:
    """The first day as wide as a factor of ten after it: most of what is found soon is found within hours."""
    axes.set_xscale("symlog", linthresh=1, linscale=1)
    axes.set_xlim(0, longest_days)
    ticks = [days for days in (0, 0.5, 1, 2, 3, 5, 10, 20, 30) if days <= longest_days]
    axes.set_xticks(ticks, [f"{days:g}" for days in ticks])
    axes.set_xticks([], minor=True)


def detected_by(days: NDArray[np.float64], longest_days: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(days, per cent of cases detected by then), from 0 to `longest_days`, as corners of a step line."""
    found = np.sort(days[np.isfinite(days) & (days <= longest_days)])
    x = np.concatenate([[0.0], found, [longest_days]])
    y = 100 * np.concatenate([[0.0], np.arange(1, len(found) + 1), [float(len(found))]]) / max(len(days), 1)
    return x, y


def spark(name: str, days: NDArray[np.float64], longest_days: float) -> str:
    """`detection_curves` of one kind, as small as a word in a table."""

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.0, 0.04, 1.0, 0.92))
        x, y = detected_by(days, longest_days)
        axes.fill_between(x, y, step="post", color=ACCENT, alpha=0.25, linewidth=0)
        axes.step(x, y, where="post", color=ACCENT, linewidth=1.4)
        axes.axhline(100, color=LINE, linewidth=0.8)
        axes.axhline(0, color=LINE, linewidth=0.8)
        axes.set_ylim(-4, 106)
        _scale_days(axes, longest_days)
        axes.axis("off")

    return drawn(f"spark {name}", (1.5, 0.3), draw, f"share detected over {longest_days:.0f} days", spaced=False)


def precision_recall_curve(ranking: Ranking) -> str:
    """Precision over recall by meter, with the share of abnormal meters as the line of chance."""
    recall, precision = precision_recall(ranking.risk, ranking.abnormal)

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        chance = 100 * float(ranking.abnormal.mean()) if len(ranking.abnormal) else 0.0
        axes.axhline(chance, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        axes.annotate("by chance", (1, chance), (0, 3), textcoords="offset points", ha="left", color=MUTED, fontsize=8)
        if len(recall):
            axes.plot(100 * np.append(0.0, recall), 100 * np.append(precision[0], precision), color=ACCENT)
        axes.set(xlim=(0, 101), ylim=(0, 102), xlabel="% of abnormal meters reached", ylabel="% abnormal among them")

    return drawn("precision", (5.6, 3.2), draw, "precision over recall by meter")


def risk_distribution(ranking: Ranking) -> str:
    """How the highest risk is distributed among normal and abnormal meters, each as a share of its own kind."""

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        highest = max(1.0, float(ranking.risk.max(initial=1.0)))
        edges = np.linspace(min(0.0, float(ranking.risk.min(initial=0.0))), highest, 26)
        for chosen, colour, sign in ((~ranking.abnormal, MUTED, -1), (ranking.abnormal, BAD, 1)):
            counts, _ = np.histogram(ranking.risk[chosen], edges)
            shares = sign * 100 * counts / max(int(chosen.sum()), 1)
            axes.bar(edges[:-1], shares, np.diff(edges) * 0.9, align="edge", color=colour, linewidth=0)
        axes.axhline(0, color=TEXT, linewidth=0.8)
        top = max((abs(limit) for limit in axes.get_ylim()), default=1.0)
        axes.set(xlim=(edges[0], edges[-1]), ylim=(-top, top), xlabel="highest risk since (pseudo-)onset")
        axes.set_ylabel("% of normal  |  % of abnormal")
        axes.yaxis.set_major_formatter(lambda value, _place: f"{abs(value):g}")

    return drawn("risk", (5.6, 3.2), draw, "distribution of the highest risk, normal and abnormal meters")


def visits_by_week(inspections: Inspections) -> str:
    """Visits and hits a week as bars, and the share of all cases found so far as a line."""

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        weeks = np.array([w.week for w in inspections.weeks])
        axes.bar(weeks, [w.visits for w in inspections.weeks], 0.72, color=LINE, linewidth=0)
        axes.bar(weeks, [w.hits for w in inspections.weeks], 0.72, color=GOOD, linewidth=0)
        axes.set(xlabel="week", ylabel="visits, of which hits")
        axes.set_xticks(weeks[:: 1 + len(weeks) // 20])
        axes.grid(visible=False, axis="x")
        found = axes.twinx()
        found.plot(
            weeks,
            [100 * (inspections.share_after(w) or 0.0) for w in inspections.weeks],
            color=TEXT,
            marker="o",
            markersize=3.5,
        )
        found.set(ylim=(0, 102), ylabel="% of all cases found so far")
        found.grid(visible=False)

    return drawn("visits", (5.6, 3.2), draw, "visits and hits by week")
