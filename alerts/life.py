"""From evidence to alerts: one alert per service point and abnormality, set and cleared with hysteresis in event time.

The bank holds, for one transformer area, how long each condition has held or been gone, as matrices of shape
(codes, meters), so that one interval of 200 meters costs a few dozen array operations and no loop over meters.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from metering.alert import Alert, AlertState, Grade, Reason
from metering.archive import Area
from metering.catalogue import CATALOGUE, INFORMATION_FAMILIES, Abnormality
from metering.evidence import RECOVER_STRENGTH, SET_STRENGTH, Signal
from metering.identity import identity
from metering.messages import Finding, MeterEvent
from metering.times import DAY_S, LATE_LIMIT_S, iso

RELAPSE_WITHIN_S = 90 * DAY_S
#: Of an alert that comes and goes for months the latest episodes are told apart; all of them count.
RELAPSES_KEPT = 100
HIGH_RISK, MEDIUM_RISK = 0.8, 0.5
#: Suspicion of these families keeps a meter from teaching the models what is normal.
UNTRUSTED_FAMILIES = frozenset({"theft", "energy", "electrical", "wiring"})

CODES: tuple[str, ...] = tuple(CATALOGUE)
CODE_INDEX: Mapping[str, int] = {code: i for i, code in enumerate(CODES)}


def raises_alert(row: Abnormality) -> bool:
    """Whether evidence of this kind becomes an alert; the rest is weighed and shown, never announced."""
    return row.lane != "information" or row.family == "communication"


_SET_AFTER_S = np.array([[60 * row.set_after_minutes] for row in CATALOGUE.values()], dtype=np.int32)
_CLEAR_AFTER_S = np.array([[60 * row.clear_after_minutes] for row in CATALOGUE.values()], dtype=np.int32)
#: Evidence of an hour comes once an hour, and stands for all of it.
_LEAST_STEP_S = np.array([[3600 if row.level == "hour" else 0] for row in CATALOGUE.values()], dtype=np.int32)
_LONGEST_HELD_S = np.int32(10 * 365 * DAY_S)
_RAISES = np.array([[raises_alert(row)] for row in CATALOGUE.values()], dtype=np.bool_)
_UNTRUSTED = np.array([[row.family in UNTRUSTED_FAMILIES] for row in CATALOGUE.values()], dtype=np.bool_)


def grade_of(risk: float) -> Grade:
    """High from 0.8, medium from 0.5.

    >>> grade_of(0.85), grade_of(0.5), grade_of(0.2)
    ('high', 'medium', 'low')
    """
    if risk >= HIGH_RISK:
        return "high"
    return "medium" if risk >= MEDIUM_RISK else "low"


@dataclass(frozen=True, slots=True)
class Step:
    """What one interval changed: alerts raised or cleared now, and the (code, row) pairs whose evidence is worth a point."""

    changed: tuple[Alert, ...]
    evidence: tuple[tuple[str, int], ...]


_NOTHING = Step((), ())


class AlertBank:
    """The lives of all alerts of one transformer area.

    A condition holds at strength >= SET and is gone at <= RECOVER; between the two, and where it is NaN (not judged),
    it stays as it was, so that silence never resolves an alert.
    """

    def __init__(self, area: Area) -> None:
        shape = (len(CODES), len(area))
        self._area = area
        self._held_s = np.zeros(shape, dtype=np.int32)
        self._gone_s = np.zeros(shape, dtype=np.int32)
        self._open = np.zeros(shape, dtype=np.bool_)
        self._muted = np.zeros(shape, dtype=np.bool_)
        self._shown = np.zeros(shape, dtype=np.int32)
        self._missing_kwh = np.zeros(shape)
        #: codes of which some cell is held, open or shown: all others rest, and quiet evidence leaves them so
        self._awake: frozenset[int] = frozenset()
        self._suspected: NDArray[np.bool_] | None = None
        self._alerts: dict[tuple[int, int], Alert] = {}
        self._alerts_changed = False

    # --- one interval

    def step(
        self,
        signals: Sequence[Signal],
        *,
        end_s: int,
        interval_s: int,
        energy_kwh: NDArray[np.float64],
        expected_kwh: NDArray[np.float64],
    ) -> Step:
        """Take in one interval's evidence. `end_s` is the interval's end: an alert is raised when its interval is over."""
        speaking = [s for s in signals if not s.quiet and float(np.fmax.reduce(s.strength)) > RECOVER_STRENGTH]
        codes = sorted(self._awake.union(CODE_INDEX[s.abnormality] for s in speaking))
        if not codes:
            return _NOTHING
        self._suspected = None
        strength, strongest = self._gather(signals, codes)
        holds, gone = strength >= SET_STRENGTH, strength <= RECOVER_STRENGTH
        step_s = np.maximum(_LEAST_STEP_S[codes], interval_s)
        # cells that are not judged stay as they were
        held_s, is_open = self._held_s[codes], self._open[codes]
        np.add(held_s, step_s, out=held_s, where=holds)
        np.minimum(held_s, _LONGEST_HELD_S, out=held_s)
        held_s[gone] = 0
        self._held_s[codes] = held_s
        changed: list[Alert | None] = []
        rising = holds & ~is_open & (held_s >= _SET_AFTER_S[codes])
        if np.count_nonzero(rising):
            changed += [
                self._raise(codes[i], r, strongest[codes[i]], float(strength[i, r]), end_s)
                for i, r in np.argwhere(rising & _RAISES[codes]).tolist()
            ]
            is_open |= rising
            self._open[codes] = is_open
        if np.count_nonzero(is_open):
            changed += self._let_go(codes, holds, gone, step_s, end_s)
            self._account(codes, energy_kwh, expected_kwh, end_s - interval_s)
        shown = tuple(self._worth_showing(codes, strength, holds, end_s))
        self._awake = self._not_at_rest(codes)
        return Step(tuple(a for a in changed if a is not None), shown)

    def _not_at_rest(self, codes: Sequence[int]) -> frozenset[int]:
        """Those of `codes` that an interval without evidence would still move."""
        rows = list(codes)
        moving = (self._held_s[rows] > 0) | self._open[rows] | (self._shown[rows] > 0)
        return frozenset(code for code, row in zip(codes, moving, strict=True) if np.count_nonzero(row))

    def _let_go(
        self,
        codes: list[int],
        holds: NDArray[np.bool_],
        gone: NDArray[np.bool_],
        step_s: NDArray[np.int32],
        end_s: int,
    ) -> list[Alert | None]:
        """Conditions that are open and gone for long enough end."""
        gone_s, letting_go = self._gone_s[codes], self._open[codes] & gone
        np.add(gone_s, step_s, out=gone_s, where=letting_go)
        gone_s[holds] = 0
        self._gone_s[codes] = gone_s
        ending = letting_go & (gone_s >= _CLEAR_AFTER_S[codes])
        if not np.count_nonzero(ending):
            return []
        cells = [(codes[i], r) for i, r in np.argwhere(ending).tolist()]
        cleared = [self._clear(code, row, end_s) for code, row in cells]
        for cell in cells:
            self._open[cell] = self._muted[cell] = False
        return cleared

    def _gather(
        self, signals: Sequence[Signal], codes: list[int]
    ) -> tuple[NDArray[np.float64], dict[int, list[Signal]]]:
        """(strongest evidence (codes, meters), the signals of each code)."""
        strength = np.full((len(codes), len(self._area)), np.nan)
        by_code: dict[int, list[Signal]] = {code: [] for code in codes}
        row_of = dict(zip(codes, strength, strict=True))
        for signal in signals:
            code = CODE_INDEX[signal.abnormality]
            row = row_of.get(code)
            if row is not None:
                np.fmax(row, signal.strength, out=row)
                by_code[code].append(signal)
        return strength, by_code

    def _worth_showing(
        self, codes: list[int], strength: NDArray[np.float64], holds: NDArray[np.bool_], end_s: int
    ) -> Iterator[tuple[str, int]]:
        # one code of 0..3 per cell: nothing, between, set; shown when it changes and once a day while above recover
        speaks, before = strength > RECOVER_STRENGTH, self._shown[codes]
        of_interest = speaks | ((before > 0) & (strength <= RECOVER_STRENGTH))
        if not np.count_nonzero(of_interest):
            return
        stamp = np.where(speaks, 1 + holds + 4 * (end_s // DAY_S), 0).astype(np.int32)
        changed = of_interest & (stamp != before)
        if not np.count_nonzero(changed):
            return
        before[changed] = stamp[changed]
        self._shown[codes] = before
        for i, r in np.argwhere(changed).tolist():
            yield CODES[codes[i]], r

    # --- single moves

    def _raise(self, code: int, row: int, signals: Sequence[Signal], strength: float, at_s: int) -> Alert | None:
        if self._muted[code, row]:
            return None
        best = max(signals, key=lambda s: float(np.nan_to_num(s.strength[row], nan=-1.0)))
        since_s = at_s - int(self._held_s[code, row])
        if best.since_s is not None and best.since_s[row] > 0:
            since_s = int(best.since_s[row])
        observed, expected = float(best.observed[row]), float(best.expected[row])
        kind = CATALOGUE[CODES[code]]
        reasons = tuple(
            Reason(s.detector, _sentence(kind, float(s.observed[row]), float(s.expected[row]), s.unit, since_s))
            for s in sorted(signals, key=lambda s: s.detector)
            if s.strength[row] >= SET_STRENGTH
        )
        risk = round(kind.weight * (1.0 if kind.certain else strength), 4)
        return self._begin_episode(code, row, at_s, since_s, observed, expected, best.unit, risk, reasons)

    def _begin_episode(
        self,
        code: int,
        row: int,
        at_s: int,
        since_s: int,
        observed: float,
        expected: float,
        unit: str,
        risk: float,
        reasons: tuple[Reason, ...],
    ) -> Alert:
        kind, meter = CATALOGUE[CODES[code]], self._area.meters[row]
        known = self._alerts.get((code, row))
        if known is not None and known.cleared_at_s is not None and at_s - known.cleared_at_s <= RELAPSE_WITHIN_S:
            alert = replace(
                known,
                state=AlertState.RAISED,
                cleared_at_s=None,
                observed=_rounded(observed),
                expected=_rounded(expected),
                risk=max(known.risk, risk),
                grade=grade_of(max(known.risk, risk)),
                reasons=reasons,
                episodes=known.episodes + 1,
                relapses=(*known.relapses, (known.cleared_at_s, at_s))[-RELAPSES_KEPT:],
                revision=known.revision + 1,
            )
        else:
            alert = Alert(
                alert_id=identity("alert", meter.service_point, kind.code, at_s),
                transformer_area=self._area.transformer_area,
                meter_id=None if meter.role == "supply" else meter.meter_id,
                service_point=meter.service_point,
                abnormality=kind.code,
                family=kind.family,
                grade=grade_of(risk),
                risk=risk,
                raised_at_s=at_s,
                cleared_at_s=None,
                state=AlertState.RAISED,
                observed=_rounded(observed),
                expected=_rounded(expected),
                unit=unit,
                reasons=reasons,
                since_s=since_s,
            )
            self._missing_kwh[code, row] = 0.0
        return self._keep(code, row, alert)

    def _clear(self, code: int, row: int, at_s: int) -> Alert | None:
        self._gone_s[code, row] = 0
        alert = self._alerts.get((code, row))
        if alert is None or alert.cleared_at_s is not None or alert.state is AlertState.WITHDRAWN:
            return None
        state = AlertState.CLEARED if alert.state is AlertState.RAISED else alert.state
        settled = replace(alert, missing_kwh=_rounded(float(self._missing_kwh[code, row])))
        return self._keep(code, row, replace(settled, state=state, cleared_at_s=at_s, revision=alert.revision + 1))

    def _keep(self, code: int, row: int, alert: Alert) -> Alert:
        self._alerts[code, row] = alert
        self._alerts_changed = True
        return alert

    def _account(
        self, codes: list[int], energy_kwh: NDArray[np.float64], expected_kwh: NDArray[np.float64], start_s: int
    ) -> None:
        """Energy an open claim stands for; intervals without a reading are kept with the alert for a late one."""
        for i, r in np.argwhere(self._open[codes]).tolist():
            code = codes[i]
            expected, energy = float(expected_kwh[r]), float(energy_kwh[r])
            if expected > energy:
                self._missing_kwh[code, r] += expected - energy
            if energy == energy or not math.isfinite(expected):
                continue
            alert = self._alerts.get((code, r))
            if alert is None or not alert.is_open:
                continue
            kept = tuple(u for u in alert.unjudged if u[0] > start_s - LATE_LIMIT_S)
            self._keep(code, r, replace(alert, unjudged=(*kept, (start_s, _rounded(float(expected_kwh[r]))))))

    # --- what comes from outside the intervals

    def report(self, event: MeterEvent, row: int, *, in_work_order: bool) -> Alert | None:
        """A meter's own event, certain by itself: raises at its own time, merges with an open alert of its kind.

        Inside a work order it is what a person was allowed to do, and says nothing. None where nothing changed.
        """
        kind = CATALOGUE.get(event.code)
        if kind is None or kind.level != "event" or not raises_alert(kind) or in_work_order:
            return None
        code = CODE_INDEX[event.code]
        known = self._alerts.get((code, row))
        if kind.lane == "information":
            return None
        if known is not None and (known.is_open or known.state is AlertState.CONFIRMED):
            return None
        if (
            known is not None
            and known.state is AlertState.WITHDRAWN
            and event.event_time_s <= (known.cleared_at_s or 0)
        ):
            return None
        reason = Reason("meter_event", f"the meter itself reported {kind.name_en} at {iso(event.event_time_s)}")
        self._open[code, row] = True
        self._awake |= {code}
        self._suspected = None
        return self._begin_episode(
            code, row, event.event_time_s, event.event_time_s, 1.0, 0.0, "events", round(kind.weight, 4), (reason,)
        )

    def found(self, finding: Finding, row: int) -> tuple[Alert, ...]:
        """A finding settles every open alert of its meter: confirmed, or withdrawn and muted until the condition is gone."""
        changed = []
        self._suspected = None
        for (code, r), alert in sorted(self._alerts.items()):
            if r != row or not alert.is_open or alert.family in INFORMATION_FAMILIES:
                continue
            state = AlertState.CONFIRMED if finding.confirmed else AlertState.WITHDRAWN
            ended = finding.found_at_s if state is AlertState.WITHDRAWN else None
            if CATALOGUE[alert.abnormality].level == "event":
                ended = finding.found_at_s
                self._open[code, r] = False
            elif state is AlertState.WITHDRAWN:
                self._muted[code, r] = True
            word = "confirmed" if finding.confirmed else "not confirmed"
            reason = Reason(
                "finding", f"inspection of {iso(finding.found_at_s)}: {word}", against=not finding.confirmed
            )
            changed.append(
                self._keep(
                    code,
                    r,
                    replace(
                        alert,
                        state=state,
                        cleared_at_s=ended,
                        missing_kwh=_rounded(float(self._missing_kwh[code, r])),
                        reasons=(*alert.reasons, reason),
                        revision=alert.revision + 1,
                    ),
                )
            )
        return tuple(changed)

    def amend(self, row: int, start_s: int, energy_kwh: float) -> tuple[Alert, ...]:
        """A late reading of an interval that an alert had to do without: re-evaluates what the alert stands for."""
        changed = []
        for (code, r), alert in sorted(self._alerts.items()):
            if r != row:
                continue
            expected = next((kwh for at, kwh in alert.unjudged if at == start_s), None)
            if expected is None:
                continue
            self._missing_kwh[code, r] += max(expected - energy_kwh, 0.0)
            changed.append(
                self._keep(
                    code,
                    r,
                    replace(
                        alert,
                        unjudged=tuple(u for u in alert.unjudged if u[0] != start_s),
                        late_readings=alert.late_readings + 1,
                        missing_kwh=_rounded(float(self._missing_kwh[code, r])),
                        revision=alert.revision + 1,
                    ),
                )
            )
        return tuple(changed)

    def at_day_close(self) -> tuple[tuple[Alert, ...], tuple[Alert, ...]]:
        """(all open alerts, those among them whose energy at stake changed since they were last saved)."""
        opened, changed = [], []
        for (code, row), alert in sorted(self._alerts.items()):
            if not alert.is_open:
                continue
            at_stake = _rounded(float(self._missing_kwh[code, row]))
            if at_stake == alert.missing_kwh:
                opened.append(alert)
                continue
            amended = self._keep(code, row, replace(alert, missing_kwh=at_stake, revision=alert.revision + 1))
            changed.append(amended)
            opened.append(amended)
        return tuple(opened), tuple(changed)

    def suspected(self) -> NDArray[np.bool_]:
        """(meters,), read-only: rows that must not teach what is normal: a condition of an untrusted family holds or is open."""
        if self._suspected is None:
            codes = [code for code in self._awake if _UNTRUSTED[code, 0]]
            under = (self._held_s[codes] > 0) | (self._open[codes] & ~self._muted[codes])
            self._suspected = np.logical_or.reduce(under, axis=0)
            self._suspected.setflags(write=False)
        return self._suspected

    def state_of(self, row: int) -> dict[str, dict[str, int | bool]]:
        """For `explain`: every condition of one meter that is not at rest."""
        return {
            CODES[i]: {
                "held_minutes": int(self._held_s[i, row] // 60),
                "gone_minutes": int(self._gone_s[i, row] // 60),
                "open": bool(self._open[i, row]),
                "muted": bool(self._muted[i, row]),
            }
            for i in range(len(CODES))
            if self._held_s[i, row] or self._open[i, row] or self._muted[i, row]
        }

    # --- state, as it is saved

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        return {
            "held_s": self._held_s,
            "gone_s": self._gone_s,
            "open": self._open,
            "muted": self._muted,
            "shown": self._shown,
            "missing_kwh": self._missing_kwh,
        }

    def alerts(self) -> list[Alert]:
        return [alert for _, alert in sorted(self._alerts.items())]

    def take_alerts_changed(self) -> bool:
        """Whether any alert changed since the last call."""
        changed, self._alerts_changed = self._alerts_changed, False
        return changed

    def restore(self, arrays: Mapping[str, NDArray[np.generic]], alerts: Sequence[Alert]) -> None:
        for name, values in arrays.items():
            setattr(self, f"_{name}", np.array(values))
        self._awake = self._not_at_rest(range(len(CODES)))
        self._suspected = None
        rows = {m.service_point: r for r, m in enumerate(self._area.meters)}
        rows |= {m.meter_id: r for r, m in enumerate(self._area.meters)}
        self._alerts = {
            (CODE_INDEX[a.abnormality], rows[a.meter_id if a.meter_id is not None else a.service_point]): a
            for a in alerts
        }


def _rounded(value: float) -> float:
    """Six decimals: what a file or a screen can show, and the same text on every machine. NaN stays NaN."""
    return round(value, 6)


def _sentence(kind: Abnormality, observed: float, expected: float, unit: str, since_s: int) -> str:
    said = f"{kind.name_en} since {iso(since_s)}"
    if np.isfinite(observed):
        said += f": observed {observed:.4g} {unit}"
        if np.isfinite(expected):
            said += f", expected {expected:.4g} {unit}"
    return said
