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
    a missed case are not told again. `missed` are true cases that the first run said something of while they lasted and
    the second does not, `gained` the other way round."""

    opened: Sequence[RaisedAlert]
    closed: Sequence[RaisedAlert]
    missed: Sequence[TruthCase]
    gained: Sequence[TruthCase]

    @property
    def sentence(self) -> str:
        """The preview in one line.

        >>> Comparison((), (), (), ()).sentence
        'would open 0, close 0, miss 0'
        """
        told = f"would open {len(self.opened)}, close {len(self.closed)}, miss {len(self.missed)}"
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
    return Comparison(
        [a for claim, a in second.items() if claim not in first],
        [a for claim, a in first.items() if claim not in second and a.meter_id not in lost],
        missed,
        [c for c in suspicions if c in has - had],
    )


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
    return alert.transformer_area, "" if alert.of_area else alert.meter_id, alert.abnormality
