"""Why a meter is suspected, and what speaks against it: the prior's contributions as a few sentences in both languages.

Figures that say the same stand under one topic, so that three reasons are three different things.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from detectors.case.figure_words import Both, FigureWords, figure_words, percent
from metering.alert import NAMING, Reason
from metering.catalogue import CATALOGUE

MOST_REASONS, MOST_AGAINST = 3, 3
#: What the meter itself reported, and what fell or rose by how much, is read before what bears it out.
_READ_FIRST = frozenset({"events", "level", "hours"})
#: Of what tells a kind from the next one so many sentences are shown.
MOST_TOLD_APART = 2
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
    kind: str = "",
) -> tuple[Reason, ...]:
    """The three strongest reasons for a suspicion, what happened before what bears it out, and up to three against it; the strongest first.

    `contributions` are (figure, log-odds by which it moved) as `Prior.reasons` gives them, `figures` the values by name. A figure speaks
    for a suspicion only where its value is notable, and against it only where it is not: what a forest makes of two
    figures together is no sentence. `benign` explanations come before other reasons against. What is said for a suspicion is not
    said against it as well. `kind` is what is suspected: what may speak for other kinds only is no reason then.

    >>> told = explanation(
    ...     [("log_level", 1.2), ("fall_cusum", 0.4), ("event_days", -0.6)],
    ...     {"log_level": -0.478, "fall_cusum": 21.0, "event_days": 0.0},
    ... )
    >>> [(r.against, r.text, r.weight) for r in told]  # doctest: +NORMALIZE_WHITESPACE
    [(False, "recent days are 38 % below the meter's usual energy, beyond what similar customers did", 1.6),
     (True, 'no suspicious event in the last 30 days', -0.6)]
    """
    told = list(benign)[:MOST_AGAINST]
    speaks_for = _strongest(contributions, figures, kind, against=False)[:MOST_REASONS]
    speaks_for.sort(key=lambda entry: entry[0] not in _READ_FIRST)
    said = {topic for topic, _ in speaks_for}
    contrary = [entry for entry in _strongest(contributions, figures, kind, against=True) if entry[0] not in said]
    return (*(r for _, r in speaks_for), *told, *(r for _, r in contrary[: MOST_AGAINST - len(told)]))


def _strongest(
    contributions: Sequence[tuple[str, float]], figures: Mapping[str, float], kind: str, *, against: bool
) -> list[tuple[str, Reason]]:
    """(topic, reason), the strongest first."""
    words = figure_words()
    topics: dict[str, _Topic] = {}
    for name, moved in contributions:
        value, told = figures.get(name, math.nan), words.get(name)
        if told is None or told.suspect == "context" or not math.isfinite(value) or not told.is_said_of(figures):
            continue
        if not against and told.of_kinds and kind not in told.of_kinds:
            continue
        if (moved < 0) == against and told.is_notable(value) != against:
            topics.setdefault(told.topic, _Topic()).add(name, moved)
    return [
        (words[t.figure].topic, _reason(words[t.figure], figures, t, against))
        for t in _ranked(topics)
        if abs(t.moved) >= LEAST_WEIGHT
    ]


def _ranked(topics: Mapping[str, _Topic]) -> list[_Topic]:
    return sorted(topics.values(), key=lambda t: (-abs(t.moved), t.figure))


def _reason(words: FigureWords, figures: Mapping[str, float], topic: _Topic, against: bool) -> Reason:
    value = figures[topic.figure]
    if not against:
        words, value = words.spoken(value, figures)
    said = words.sentence(value, figures)
    return Reason(words.expert, said.en, against, said.zh, round(topic.moved, 2))


# --- why a kind was named


def naming(
    kind: tuple[str, float],
    rival: tuple[str, float],
    told_apart: Sequence[tuple[str, float]],
    figures: Mapping[str, float],
) -> Reason:
    """Why a suspicion is called `kind` rather than `rival`, both (code, share of the odds, 0..1).

    `told_apart` are (figure, by how much it speaks for the kind rather than the rival) as `Prior.told_apart` gives them. A kind is kept
    while a suspicion lasts: where the rival is likelier by now, that and what speaks for it is said.

    >>> told = [("lag_h", 1.4), ("log_level", -0.6)]
    >>> naming(("clock_error", 0.61), ("bypass", 0.2), told, {"lag_h": 3.0, "log_level": -0.5}).text
    "named meter clock off (61 %) rather than current past the meter (bypass) (20 %): the day's curve comes 3 h later than usual"
    """
    kept = kind[1] < rival[1]
    why = [
        _apart(figures, topic)
        for topic in _telling(told_apart, figures, (rival if kept else kind)[0], against=kept)[:MOST_TOLD_APART]
    ]
    (name, name_zh), (other, other_zh) = (
        (CATALOGUE[code].name_en, CATALOGUE[code].name_zh) for code, _ in (kind, rival)
    )
    share, other_share = percent(kind[1]), percent(rival[1])
    if kept:
        said = f"named {name} ({share}) when the doubt began; by now {other} is likelier ({other_share})"
        said_zh = f"疑点初现时疑为{name_zh}（{share}）；目前更可能为{other_zh}（{other_share}）"
    else:
        said = f"named {name} ({share}) rather than {other} ({other_share})"
        said_zh = f"疑为{name_zh}（{share}）而非{other_zh}（{other_share}）"
    because = "; ".join(each.en for each in why) or "no single figure tells them apart"
    because_zh = "；".join(each.zh for each in why) or "没有单一指标能够区分"
    return Reason(NAMING, f"{said}: {because}", text_zh=f"{said_zh}：{because_zh}")


def _telling(
    told_apart: Sequence[tuple[str, float]], figures: Mapping[str, float], kind: str, *, against: bool
) -> list[_Topic]:
    """What speaks for `kind`, whose contributions are positive or (`against`) negative, by topic, the strongest first; what is as it should be only where nothing else does."""
    words, unusual, usual = figure_words(), dict[str, _Topic](), dict[str, _Topic]()
    for name, moved in told_apart:
        told, value = words.get(name), figures[name]
        if told is None or (told.of_kinds and kind not in told.of_kinds):
            continue
        if (moved < 0) == against and math.isfinite(value) and told.is_said_of(figures):
            topics = unusual if told.is_notable(value) else usual
            topics.setdefault(told.topic, _Topic()).add(name, moved)
    notable = {words[n].topic for n, value in figures.items() if n in words and words[n].is_notable(value)}
    calm = {topic: t for topic, t in usual.items() if topic not in notable}
    telling = [[t for t in _ranked(topics) if abs(t.moved) >= LEAST_WEIGHT] for topics in (unusual, calm)]
    return telling[0] or telling[1]


def _apart(figures: Mapping[str, float], topic: _Topic) -> Both:
    words, value = figure_words()[topic.figure].spoken(figures[topic.figure], figures)
    return words.sentence(value, figures)
