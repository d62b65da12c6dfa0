"""How early each kind may be suspected: one budget of false cases, shared among the kinds by what it finds there.

The kinds of the prior differ in how often they are false. With one threshold for all, the loud ones use the whole budget up and the quiet ones
wait for nothing. Worlds that the prior was not taught on say what each step down costs and finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection.day_worlds import TrueCase, WorldFigures
from benchmarks.detection.worlds import SOON_DAYS
from detectors.case.case_probability import CaseProbability, CaseProbabilityParams
from detectors.case.prior import Prior
from detectors.examples import context
from evaluation.span import WARM_UP_DAYS
from metering.catalogue import CATALOGUE, INFORMATION_FAMILIES

#: False cases of the prior's kinds per 1,000 meters and week; rules add their own.
BUDGET = 0.8
#: And no world alone may have more: the hard one has room for certain rules' false cases, too.
MOST_OF_A_WORLD = 1.0
#: Kinds that are demanded within ten days weigh so many times.
SOON_KINDS, SOON_WEIGHT = frozenset({"bypass", "tapping"}), 3.0
#: Probabilities at which a kind may be set, from the last to the earliest.
STEPS = (0.85, 0.8, 0.72, 0.65, 0.58, 0.5, 0.42, 0.35, 0.3)
#: What is not seen to cost anything may still do so elsewhere.
FREE_UNTIL = 0.5
_RECOVER_SHARE = CaseProbabilityParams().recover_share
#: An alert that comes again within so many days is the same case.
_SAME_CASE_DAYS = 7


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """A world as the prior sees it, without the meters that no step would raise: `probability` and the likeliest `kind` (days, meters),
    who is `normal` (meters,), the `cases` to be found by place, -1, -2 ... where their meter is not among these, and the customers' number.
    """

    probability: NDArray[np.float64]
    kind: NDArray[np.int64]
    normal: NDArray[np.bool_]
    cases: dict[int, TrueCase]
    customers: int

    @property
    def thousand_meter_weeks(self) -> float:
        return self.customers * (len(self.probability) - WARM_UP_DAYS) / 7 / 1000


def watch(world: WorldFigures, prior: Prior, start: date = date(2026, 3, 1)) -> Watched:
    """Let the prior weigh every day of a world that it was not taught on."""
    params = CaseProbabilityParams(set_probability=0.999, recover_share=0.05)
    weigher = CaseProbability(context(meters=len(world.is_supply)), params, prior)
    probability, kind = [], []
    for number, table in enumerate(world.table):
        figures = {name: np.where(world.is_supply, np.nan, table[:, n]) for n, name in enumerate(world.names)}
        verdict = weigher.judge(figures, start + timedelta(days=number))
        weigher.learn(verdict)
        probability.append(np.nan_to_num(verdict.probability))
        kind.append(verdict.kind)
    told, kinds = np.stack(probability), np.stack(kind)
    kept = np.flatnonzero(told[WARM_UP_DAYS:].max(axis=0) >= min(STEPS))
    place = {int(meter): n for n, meter in enumerate(kept)}
    cases = [
        (place.get(meter, -1 - meter), case)
        for meter, case in world.truth.items()
        if CATALOGUE[case.abnormality].family not in INFORMATION_FAMILIES and case.until_day > WARM_UP_DAYS
    ]
    normal = np.array([int(meter) not in world.truth for meter in kept], dtype=np.bool_)
    return Watched(told[:, kept], kinds[:, kept], normal, dict(cases), int((~world.is_supply).sum()))


def raised(world: Watched, set_at: NDArray[np.float64]) -> list[tuple[int, int, int]]:
    """(meter, day, kind) of each suspicion; `set_at` (kinds,) are the probabilities from which each kind is suspected."""
    count = world.probability.shape[1]
    is_open = np.zeros(count, dtype=np.bool_)
    own, last = np.full(count, -1), np.full(count, -_SAME_CASE_DAYS)
    at = np.append(set_at, 2.0)  # no kind: never
    found = []
    for day in range(WARM_UP_DAYS, len(world.probability)):
        p, kind = world.probability[day], np.where(is_open, own, world.kind[day])
        rises = ~is_open & (p >= at[kind])
        found += [(int(m), day, int(kind[m])) for m in np.flatnonzero(rises & (day - last >= _SAME_CASE_DAYS))]
        own = np.where(rises, kind, own)
        last = np.where(rises | is_open, day, last)
        is_open = (is_open | rises) & (p > _RECOVER_SHARE * at[own])
    return found


@dataclass(frozen=True, slots=True)
class Yield:
    """Of some worlds: false suspicions of each, and what is found, as the mean over kinds of found at all and found soon."""

    false_cases: tuple[int, ...]
    found: float

    @property
    def false_in_all(self) -> int:
        return sum(self.false_cases)


def yields(worlds: Sequence[Watched], set_at: NDArray[np.float64]) -> Yield:
    false_cases, found = [], []
    for world in worlds:
        first: dict[int, int] = {}
        false_cases.append(0)
        for meter, day, _ in raised(world, set_at):
            case = world.cases.get(meter)
            if case is not None and case.from_day <= day < case.until_day:
                first.setdefault(meter, day)
            false_cases[-1] += bool(world.normal[meter])
        by_kind: dict[str, list[float]] = {}
        for meter, case in world.cases.items():
            soon = meter in first and first[meter] <= max(case.from_day, WARM_UP_DAYS) + SOON_DAYS
            by_kind.setdefault(case.abnormality, []).append(((meter in first) + soon) / 2)
        weights = [SOON_WEIGHT if kind in SOON_KINDS else 1.0 for kind in by_kind]
        rates = [float(np.mean(each)) for each in by_kind.values()]
        found.append(float(np.average(rates, weights=weights)) if rates else 1.0)
    return Yield(tuple(false_cases), float(np.mean(found)))


def shared_budget(worlds: Sequence[Watched], kinds: Sequence[str], budget: float = BUDGET) -> NDArray[np.float64]:
    """(kinds,): the probability from which each kind is suspected.

    One step after another goes to the kind where it finds most for what it costs; then every kind takes the steps that cost nothing.
    """
    in_all = budget * sum(world.thousand_meter_weeks for world in worlds)
    of_each = [MOST_OF_A_WORLD * world.thousand_meter_weeks for world in worlds]
    step = np.zeros(len(kinds), dtype=np.int64)
    steps = np.array(STEPS)
    now = yields(worlds, steps[step])
    while True:
        offers = []
        for kind in range(len(kinds)):
            for further in range(step[kind] + 1, len(STEPS)):
                taken = step.copy()
                taken[kind] = further
                then = yields(worlds, steps[taken])
                if then.false_in_all > in_all or any(np.greater(then.false_cases, of_each)):
                    break
                gain = then.found - now.found
                cost = max(then.false_in_all - now.false_in_all, 0) + 0.3
                if gain > 0:
                    offers.append((gain / cost, kind, further, then))
        if not offers:
            return steps[_without_cost(worlds, step, now.false_in_all)]
        _, kind, further, now = max(offers, key=lambda offer: (offer[0], -offer[1], -offer[2]))
        step[kind] = further


def _without_cost(worlds: Sequence[Watched], step: NDArray[np.int64], false_cases: int) -> NDArray[np.int64]:
    """Further steps, none beyond `FREE_UNTIL`, at which nothing more is false."""
    steps = np.array(STEPS)
    for kind in range(len(step)):
        while step[kind] + 1 < len(steps) and steps[step[kind] + 1] >= FREE_UNTIL:
            taken = step.copy()
            taken[kind] += 1
            if yields(worlds, steps[taken]).false_in_all > false_cases:
                break
            step = taken
    return step
