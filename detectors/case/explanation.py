"""Why a meter is suspected, and what speaks against it: the prior's contributions as a few sentences in both languages.

Figures that say the same stand under one topic, so that three reasons are three different things.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from detectors.case.figure_words import FigureWords, figure_words
from metering.alert import Reason

MOST_REASONS, MOST_AGAINST = 3, 3
#: What moves the odds by less is not worth a line (log-odds).
LEAST_WEIGHT = 0.2


@dataclass(slots=True)
class _Topic:
    """All that one topic's figures moved, and the figure among them that moved most in that direction."""

    moved: float = 0.0
    figure: str = ""
    most: float = 0.0

    def add(self, figure: str, moved: float) -> None:
        self.moved += moved
        if abs(moved) > self.most:
            self.figure, self.most = figure, abs(moved)


def explanation(
    contributions: Sequence[tuple[str, float]],
    figures: Mapping[str, float],
    benign: Iterable[Reason] = (),
) -> tuple[Reason, ...]:
    """The three strongest reasons for a suspicion and up to three against it, the strongest first.

    `contributions` are (figure, log-odds by which it moved) as `Prior.reasons` gives them, `figures` the values by name. A figure speaks
    for a suspicion only where its value is notable, and against it only where it is not: what a forest makes of two
    figures together is no sentence. `benign` explanations come before other reasons against. What is said for a suspicion is not
    said against it as well.

    >>> told = explanation(
    ...     [("log_level", 1.2), ("fall_cusum", 0.4), ("event_days", -0.6)],
    ...     {"log_level": -0.478, "fall_cusum": 21.0, "event_days": 0.0},
    ... )
    >>> [(r.against, r.text, r.weight) for r in told]  # doctest: +NORMALIZE_WHITESPACE
    [(False, "recent days are 38 % below the meter's usual energy, beyond what similar customers did", 1.6),
     (True, 'no suspicious event in the last 30 days', -0.6)]
    """
    told = list(benign)[:MOST_AGAINST]
    speaks_for = _strongest(contributions, figures, against=False)[:MOST_REASONS]
    said = {topic for topic, _ in speaks_for}
    contrary = [entry for entry in _strongest(contributions, figures, against=True) if entry[0] not in said]
    return (*(r for _, r in speaks_for), *told, *(r for _, r in contrary[: MOST_AGAINST - len(told)]))


def _strongest(
    contributions: Sequence[tuple[str, float]], figures: Mapping[str, float], *, against: bool
) -> list[tuple[str, Reason]]:
    """(topic, reason), the strongest first."""
    words = figure_words()
    topics: dict[str, _Topic] = {}
    for name, moved in contributions:
        value, told = figures.get(name, math.nan), words.get(name)
        if told is None or told.suspect == "context" or not math.isfinite(value):
            continue
        if (moved < 0) == against and told.is_notable(value) != against:
            topics.setdefault(told.topic, _Topic()).add(name, moved)
    ranked = sorted(topics.values(), key=lambda t: (-abs(t.moved), t.figure))
    return [
        (words[t.figure].topic, _reason(words[t.figure], figures[t.figure], figures, t.moved, against))
        for t in ranked
        if abs(t.moved) >= LEAST_WEIGHT
    ]


def _reason(words: FigureWords, value: float, figures: Mapping[str, float], moved: float, against: bool) -> Reason:
    said = words.sentence(value, figures)
    return Reason(words.expert, said.en, against, said.zh, round(moved, 2))
