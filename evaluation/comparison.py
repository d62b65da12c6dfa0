"""Two runs of the same recorded data: what a change of thresholds would open, close and miss, before it goes live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.answers import family_of, is_information
from evaluation.run_rows import RaisedAlert, Visit
from metering.truth import TruthCase


@dataclass(frozen=True, slots=True)
class Comparison:
    """`opened` and `closed` are the first episodes of alerts that only the second, or only the first run raised; those of
    a missed case are not told again. `renamed` are such pairs of one place, (before, after): the same suspicion by another kind.
    `missed` are true cases that the first run said something of while they lasted and the second does not, `gained` the other
    way round."""

    opened: Sequence[RaisedAlert]
    closed: Sequence[RaisedAlert]
    missed: Sequence[TruthCase]
    gained: Sequence[TruthCase]
    renamed: Sequence[tuple[RaisedAlert, RaisedAlert]] = ()

    @property
    def sentence(self) -> str:
        """The preview in one line.

        >>> Comparison((), (), (), ()).sentence
        'would open 0, close 0, rename 0, miss 0'
        """
        counts = (len(each) for each in (self.opened, self.closed, self.renamed, self.missed))
        told = "would open {}, close {}, rename {}, miss {}".format(*counts)
        return told + (f"; finds {len(self.gained)} true cases that were missed before" if self.gained else "")


def compare(before: Sequence[RaisedAlert], after: Sequence[RaisedAlert], cases: Sequence[TruthCase]) -> Comparison:
    """Compare by meter (or area) and abnormality; alerts of information say nothing of a case. See `known_cases`."""
    suspicions = [c for c in cases if not is_information(family_of(c.abnormality))]
    had, has = (
        {c for c in suspicions if any(_tells_of(a, c) for a in alerts if a.meter_id == c.meter_id)}
        for alerts in (before, after)
    )
    missed = [c for c in suspicions if c in had - has]
    lost = {c.meter_id for c in missed}
    first, second = ({_claim(a): a for a in alerts if a.episode == 1} for alerts in (before, after))
    opened = [a for claim, a in second.items() if claim not in first]
    closed = [a for claim, a in first.items() if claim not in second and a.meter_id not in lost]
    renamed = _renamed(opened, closed)
    told = {id(alert) for pair in renamed for alert in pair}
    return Comparison(
        [a for a in opened if id(a) not in told],
        [a for a in closed if id(a) not in told],
        missed,
        [c for c in suspicions if c in has - had],
        renamed,
    )


def _renamed(opened: Sequence[RaisedAlert], closed: Sequence[RaisedAlert]) -> list[tuple[RaisedAlert, RaisedAlert]]:
    """(closed, opened) of one place, nearest in time first; information is no other kind of a suspicion."""
    pairs = [(before, after) for after in opened for before in closed if _place(before) == _place(after)]
    pairs.sort(key=lambda pair: abs(pair[0].raised_s - pair[1].raised_s))
    found, taken = [], set[int]()
    for before, after in pairs:
        if is_information(before.family) == is_information(after.family) and not {id(before), id(after)} & taken:
            taken |= {id(before), id(after)}
            found.append((before, after))
    return found


def _place(alert: RaisedAlert) -> tuple[str, str]:
    return alert.transformer_area, "" if alert.of_area else alert.meter_id


def known_cases(truth: Sequence[TruthCase] | None, visits: Sequence[Visit]) -> list[TruthCase]:
    """The truth where there is one; else what visits confirmed: a case, for all that is known, until it was found."""
    if truth is not None:
        return list(truth)
    return [TruthCase(v.meter_id, v.abnormality or "", 0, v.found_s) for v in visits if v.confirmed]


def _tells_of(alert: RaisedAlert, case: TruthCase) -> bool:
    if is_information(alert.family) or (case.end_s is not None and alert.raised_s > case.end_s):
        return False
    return alert.raised_s >= case.start_s or alert.cleared_s is None or alert.cleared_s > case.start_s


def _claim(alert: RaisedAlert) -> tuple[str, str, str]:
    return *_place(alert), alert.abnormality
