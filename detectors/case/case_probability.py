"""How probable a case is at each meter, day by day: the prior's odds, smoothed, as a suspicion of one kind (ADR 0016)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from detectors.case.benign import Benign, benign_reasons, lowered
from detectors.case.explanation import explanation, naming
from detectors.case.measures import measured
from detectors.case.prior import F64, Prior, shipped_prior
from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from metering.alert import Reason
from metering.evidence import RECOVER_STRENGTH, SET_STRENGTH, AreaContext, Signal

#: How likely a kind is a meter's is remembered with this share a day.
_KIND_MEMORY = 0.6
_NO_KIND = -1
#: Share of a day without readings from which it says nothing of a meter.
_MOST_MISSING = 0.75
#: Log-odds of a day from which it is asked whether something harmless explains them.
_WORTH_EXPLAINING = -3.0


@dataclass(frozen=True, slots=True)
class CaseProbabilityParams:
    set_probability: float = parameter(
        0.72,
        meaning="smoothed probability of a case from which a meter is suspected; of kinds to which the prior gives a lead, less",
        unit="probability",
        low=0.05,
        high=0.999,
        source="fitted on worlds 24x to one false case per 1,000 meters and week, shared among the kinds",
    )
    recover_share: float = parameter(
        0.4,
        meaning="share of the probability that raised it, under which a suspicion ends",
        unit="share",
        low=0.05,
        high=0.95,
        source="proposed",
    )
    newest_share: float = parameter(
        0.4,
        meaning="weight of the newest day's log-odds in the smoothed ones",
        unit="1/d",
        low=0.1,
        high=1,
        source="replay: one odd day is no case",
    )
    warm_up_days: float = parameter(
        21.0, meaning="judged days before a meter can be suspected", unit="d", low=5, high=120, source="proposed"
    )
    nothing_found: float = parameter(
        4.0,
        meaning="log-odds taken off where an inspection found nothing",
        unit="log-odds",
        low=0,
        high=10,
        source="proposed",
    )
    nothing_found_keeps: float = parameter(
        0.98, meaning="share of that which is left a day later", unit="1/d", low=0.8, high=1, source="proposed"
    )

    said_benign: float = parameter(
        2.0,
        meaning="log-odds taken off where a person says that the meter's alert is no problem, fading as those of an inspection",
        unit="log-odds",
        low=0,
        high=10,
        source="proposed: half of what an inspection takes off, for nobody went there",
    )

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What a closed day makes of each meter; arrays (meters,), `table` (meters, figures) is what the prior was asked, `benign` how well
    each harmless explanation fits.

    `today` are the log-odds of the day alone, `odds` the smoothed ones. `probability` is NaN during the warm-up, for supply meters, and where nothing is known. `kind` is a place in the prior's kinds, -1 = none, `set_at` the probability from which that kind is suspected;
    `shares` (meters, kinds) is how likely each kind is if there is a case, all 0 where nobody asks.
    """

    probability: F64
    today: F64
    odds: F64
    kind: NDArray[np.int64]
    set_at: F64
    shares: F64
    table: NDArray[np.float32]
    known: NDArray[np.bool_]
    benign: Mapping[str, F64]


class CaseProbability:
    """One suspicion a meter: how probable a case is, and of which kind.

    The prior's log-odds of a day are averaged with those of the days before; a day that was hardly measured says nothing. From `set_probability`, or earlier where its most probable
    kind has a lead, a meter is suspected of that kind, which it keeps until the suspicion is over. `judge` changes nothing; `learn` takes
    the verdict in.
    An inspection that found nothing lowers the odds for some weeks: what was unusual then has an explanation. A person's word from
    the office lowers them by less (`hear`); it is given anew with every day and not remembered here, so that it can be taken back.
    """

    name = "case_probability"

    def __init__(
        self, context: AreaContext, params: CaseProbabilityParams | None = None, prior: Prior | None = None
    ) -> None:
        self._params = params or CaseProbabilityParams()
        self._prior = prior or shipped_prior()
        self._customers = ~context.area.is_supply
        self._contracted_kw = context.area.contracted_kw
        self._benign = Benign(context)
        at_set = self._params.set_probability
        odds = np.log(at_set / (1 - at_set)) - self._prior.kind_lead
        #: (kinds + 1,): the last one is of no kind yet.
        self._set_at = np.append(1 / (1 + np.exp(-odds)), at_set)
        self._in_doubt = self._params.recover_share * float(self._set_at.min())
        count = len(context.area)
        layout = {
            "odds": {
                "odds": Slab((count,), np.float32, np.nan),
                "judged": Slab((count,), np.uint16),
                "kind": Slab((count,), np.int16, _NO_KIND),
                "cleared_by": Slab((count,), np.float32),
                "shares": Slab((count, len(self._prior.kinds)), np.float16),
            }
        }
        self._pages = StatePages("case_probability/1", layout)
        self._now = {name: self._pages.array("odds", name) for name in layout["odds"]}
        self._said = np.zeros(count)

    @property
    def prior(self) -> Prior:
        return self._prior

    @property
    def abnormalities(self) -> tuple[str, ...]:
        return self._prior.kinds

    def judge(self, figures: Mapping[str, F64], day: date) -> Verdict:
        """Weigh the figures of a closed day, by name, each (meters,), NaN = not known. What has a harmless explanation weighs less."""
        p, now = self._params, self._now
        table = self._prior.table(figures, len(self._customers))
        today = np.where(self._customers & ~_unheard(figures), self._prior.odds(table), np.nan)
        benign = self._benign.weigh(figures, day, np.flatnonzero(today > _WORTH_EXPLAINING))
        today = today - lowered(benign)
        known = today == today
        before = now["odds"].astype(np.float64)
        odds = np.where(before == before, (1 - p.newest_share) * before + p.newest_share * today, today)
        odds = np.where(known, odds, before)
        weighed = odds - np.maximum(now["cleared_by"], self._said)
        judged = now["judged"] + known >= p.warm_up_days
        probability = np.where(judged, 1 / (1 + np.exp(-weighed)), np.nan)
        shares = self._shares(table, known, probability)
        likeliest = np.asarray(shares.argmax(axis=1), dtype=np.int64)
        kind = np.where(now["kind"] >= 0, now["kind"], np.where(probability > self._in_doubt, likeliest, _NO_KIND))
        return Verdict(probability, today, odds, kind, self._set_at[kind], shares, table, known, benign)

    def _shares(self, table: NDArray[np.float32], known: NDArray[np.bool_], probability: F64) -> F64:
        """How likely each kind is, remembered over days; asked only where there is doubt at all."""
        shares = self._now["shares"].astype(np.float64)
        asked = known & (probability > self._in_doubt / 2)
        if asked.any():
            today = self._prior.probable_kinds(table[asked])
            fresh = shares[asked].sum(axis=1, keepdims=True) == 0
            shares[asked] = np.where(fresh, today, _KIND_MEMORY * shares[asked] + (1 - _KIND_MEMORY) * today)
        shares[known & ~asked] = 0.0
        return shares

    def strength(self, verdict: Verdict) -> NDArray[np.float32]:
        """From a probability to a strength: SET_STRENGTH where its kind is suspected, RECOVER_STRENGTH where the suspicion ends."""
        p, at_set = np.nan_to_num(verdict.probability), verdict.set_at
        at_end = self._params.recover_share * at_set
        below = RECOVER_STRENGTH * p / at_end
        between = RECOVER_STRENGTH + (SET_STRENGTH - RECOVER_STRENGTH) * (p - at_end) / (at_set - at_end)
        above = SET_STRENGTH + (1 - SET_STRENGTH) * (p - at_set) / (1 - at_set)
        strength = np.where(p < at_end, below, np.where(p < at_set, between, above))
        return np.where(verdict.probability == verdict.probability, strength, np.nan).astype(np.float32)

    def suspected(self, verdict: Verdict) -> NDArray[np.bool_]:
        """(meters,): who is suspected from now on, or goes on to be."""
        return np.asarray(verdict.probability >= verdict.set_at)

    def signals(self, verdict: Verdict, figures: Mapping[str, F64], since_s: NDArray[np.int64]) -> list[Signal]:
        """A suspicion a meter as evidence of its kind, in doubt since `since_s` (meters,); every other kind is at rest there."""
        strength = self.strength(verdict)
        at_rest = np.where(strength == strength, np.float32(0), np.float32(np.nan))
        nowhere = np.full(len(strength), np.nan)
        signals = []
        for number, code in enumerate(self._prior.kinds):
            own = verdict.kind == number
            if not own.any():
                signals.append(Signal(self.name, code, at_rest, nowhere, nowhere, "kWh/d", quiet=True))
                continue
            observed, expected, unit = measured(code, figures, own, self._contracted_kw)
            signals.append(
                Signal(
                    self.name,
                    code,
                    np.where(own, strength, at_rest),
                    np.where(own, observed, np.nan),
                    np.where(own, expected, np.nan),
                    unit,
                    since_s,
                    risk=np.where(own, verdict.probability, np.nan),
                    reasons=lambda row: self.reasons(verdict, row),
                )
            )
        return signals

    def reasons(self, verdict: Verdict, row: int) -> tuple[Reason, ...]:
        """Why the meter of this row is suspected, why of its kind, and what speaks against it."""
        table = verdict.table[row]
        figures = dict(zip(self._prior.features, table.tolist(), strict=True))
        kind = self._prior.kinds[verdict.kind[row]] if verdict.kind[row] >= 0 else ""
        told = explanation(self._prior.reasons(table), figures, benign_reasons(verdict.benign, row), kind)
        return (
            *(r for r in told if not r.against),
            *self._naming(verdict, row, figures),
            *(r for r in told if r.against),
        )

    def _naming(self, verdict: Verdict, row: int, figures: Mapping[str, float]) -> tuple[Reason, ...]:
        kind = int(verdict.kind[row])
        rivals = [place for place, _ in self.likeliest(verdict, row) if place != kind]
        if kind == _NO_KIND or not rivals:
            return ()
        rival = rivals[0]
        own, other = ((self._prior.kinds[place], float(verdict.shares[row, place])) for place in (kind, rival))
        return (naming(own, other, self._prior.told_apart(verdict.table[row], kind, rival), figures),)

    def likeliest(self, verdict: Verdict, row: int) -> list[tuple[int, float]]:
        """(place in the prior's kinds, share) of every kind at the meter of this row, the likeliest first; empty where nobody asks."""
        shares = verdict.shares[row]
        if not shares.any():
            return []
        return [(int(n), float(shares[n])) for n in np.argsort(-shares, kind="stable")]

    @property
    def set_probability(self) -> float:
        """From here on a meter is suspected."""
        return self._params.set_probability

    def in_doubt(self) -> list[tuple[int, float, str, float]]:
        """(row, probability, kind, its share) of every meter in doubt as of the last day learnt, the most probable first."""
        now, p = self._now, self._params
        weighed = now["odds"].astype(np.float64) - np.maximum(now["cleared_by"], self._said)
        doubted = (now["kind"] != _NO_KIND) & (now["judged"] >= p.warm_up_days) & (weighed == weighed)
        found = [
            (row, float(1 / (1 + np.exp(-weighed[row]))), self._prior.kinds[kind], float(now["shares"][row, kind]))
            for row in np.flatnonzero(doubted).tolist()
            for kind in (int(now["kind"][row]),)
        ]
        return sorted(found, key=lambda each: (-each[1], each[0]))

    def learn(self, verdict: Verdict) -> None:
        p, now = self._params, self._now
        now["odds"][...] = verdict.odds
        now["judged"][...] = np.minimum(now["judged"] + verdict.known, 60_000)
        now["shares"][...] = self._shares(verdict.table, verdict.known, verdict.probability)
        # a kind is kept from the day it is suspected until the suspicion is over
        own = self.suspected(verdict) | (now["kind"] >= 0)
        over = ~own | (verdict.probability <= p.recover_share * verdict.set_at)
        now["kind"][...] = np.where(over, _NO_KIND, verdict.kind)
        now["cleared_by"] *= np.float32(p.nothing_found_keeps)
        self._pages.touch("odds")

    def found(self, row: int, *, confirmed: bool) -> None:
        """An inspection of the meter of this row: nothing found lowers its odds for some weeks, a case found lifts that."""
        self._now["cleared_by"][row] = 0.0 if confirmed else self._params.nothing_found
        self._pages.touch("odds")

    def hear(self, said_days_ago: F64) -> None:
        """What people say from the office: days since somebody said last that a meter is no problem, (meters,), NaN = nobody did."""
        self._said = np.nan_to_num(self._params.said_benign * self._params.nothing_found_keeps**said_days_ago)

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)


def _unheard(figures: Mapping[str, F64]) -> NDArray[np.bool_] | np.bool_:
    """Whose day was hardly measured: its figures are those of the days before, and would count twice."""
    missing = figures.get("missing_hours")
    return np.False_ if missing is None else np.asarray(missing > _MOST_MISSING)
