"""From evidence to alerts: one alert per service point and abnormality, set and cleared with hysteresis in event time.

The bank holds, for one transformer area, how long each condition has held or been gone, as matrices of shape
(codes, meters). An interval costs a few dozen operations on the few cells of them that are not at rest, and no loop over meters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from alerts.corrections import RestsOn
from alerts.suspicions import Suspicions, shown_from_s
from metering.alert import FINDING, PERSON, Alert, AlertState, EndedAlert, Grade, Reason, Worth
from metering.archive import Area
from metering.catalogue import CATALOGUE, INFORMATION_FAMILIES, Abnormality
from metering.dismissal import Dismissal
from metering.evidence import RECOVER_STRENGTH, SET_STRENGTH, Signal
from metering.identity import identity
from metering.messages import Finding, MeterEvent
from metering.meter_events import event_word
from metering.suspicion import Suspicion
from metering.times import DAY_S, LATE_LIMIT_S, LocalCalendar
from metering.units import figure_names, unit_words

#: Of an alert that comes and goes for months the latest episodes are told apart; all of them count.
RELAPSES_KEPT = 100
HIGH_RISK, MEDIUM_RISK = 0.8, 0.5
#: Energy billed to nobody (kWh) from which its alert is of medium and of high grade: a home uses some 8 kWh a day.
_UNBILLED_MEDIUM_KWH, _UNBILLED_HIGH_KWH, _MOST_UNBILLED_RISK = 30.0, 200.0, 0.95
#: Suspicion of these families keeps a meter from teaching the models what is normal.
UNTRUSTED_FAMILIES = frozenset({"theft", "energy", "electrical", "wiring"})

#: What readings or a meter's own event can say here; the catalogue's other rows have no life.
CODES: tuple[str, ...] = tuple(code for code, row in CATALOGUE.items() if row.is_evidence)
CODE_INDEX: Mapping[str, int] = {code: i for i, code in enumerate(CODES)}
_ROWS = tuple(CATALOGUE[code] for code in CODES)


def raises_alert(row: Abnormality) -> bool:
    """Whether evidence of this kind becomes an alert; the rest is weighed and shown, never announced."""
    return row.lane != "information" or row.announced


_SET_AFTER_S = np.array([60 * row.set_after_minutes for row in _ROWS], dtype=np.int32)
_CLEAR_AFTER_S = np.array([60 * row.clear_after_minutes for row in _ROWS], dtype=np.int32)
#: Evidence of an hour comes once an hour, and stands for all of it.
_LEAST_STEP_S = np.array([3600 if row.level == "hour" else 0 for row in _ROWS], dtype=np.int32)
#: Neither holds nor is gone: an open condition stays as it was.
_STAYS = 0.6
_LONGEST_HELD_S = np.int32(10 * 365 * DAY_S)
_RAISES = np.array([raises_alert(row) for row in _ROWS], dtype=np.bool_)
_SUSPECTED_FROM_S = shown_from_s(_ROWS, _RAISES)
_UNTRUSTED = np.array([row.family in UNTRUSTED_FAMILIES for row in _ROWS], dtype=np.bool_)


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


class _Cells:
    """Some cells of an area's matrices (codes, meters): flat indices, ascending, and what the catalogue says of each."""

    __slots__ = (
        "at", "clear_after_s", "codes", "least_step_s", "raises", "rows", "set_after_s", "spans", "suspected_from_s", "untrusted",
    )  # fmt: skip

    def __init__(self, at: NDArray[np.intp], meters: int) -> None:
        self.at = at
        self.codes, self.rows = np.divmod(at, meters)
        self.set_after_s, self.clear_after_s = _SET_AFTER_S[self.codes], _CLEAR_AFTER_S[self.codes]
        self.least_step_s = _LEAST_STEP_S[self.codes]
        self.suspected_from_s = _SUSPECTED_FROM_S[self.codes]
        self.raises, self.untrusted = _RAISES[self.codes], _UNTRUSTED[self.codes]
        begins = np.searchsorted(self.codes, np.arange(len(CODES) + 1)).tolist()
        #: code -> (its first cell, the one after its last)
        self.spans = {CODES[c]: (b, e) for c, (b, e) in enumerate(pairwise(begins)) if b < e}

    def __len__(self) -> int:
        return len(self.at)

    def cell(self, i: int) -> tuple[int, int]:
        return int(self.codes[i]), int(self.rows[i])


class AlertBank:
    """The lives of all alerts of one transformer area.

    A condition holds at strength >= SET and is gone at <= RECOVER; between the two, and where it is NaN (not judged),
    it stays as it was, so that silence never resolves an alert.
    """

    def __init__(self, area: Area, calendar: LocalCalendar) -> None:
        shape = (len(CODES), len(area))
        self._area = area
        self._calendar = calendar
        self._held_s = np.zeros(shape, dtype=np.int32)
        self._gone_s = np.zeros(shape, dtype=np.int32)
        self._open = np.zeros(shape, dtype=np.bool_)
        self._muted = np.zeros(shape, dtype=np.bool_)
        self._shown = np.zeros(shape, dtype=np.int32)
        self._of_day = np.zeros(shape, dtype=np.bool_)
        #: whether a day's evidence ever held an open condition, and whether the newest interval's, or a meter's own event, does
        self._by_day = np.zeros(shape, dtype=np.bool_)
        self._by_interval = np.zeros(shape, dtype=np.bool_)
        self._missing_kwh = np.zeros(shape)
        self._rests_on = RestsOn()
        self.suspicions = Suspicions()
        #: the cells that are held, open or shown: all others rest, and quiet evidence leaves them so
        self._awake = _Cells(np.empty(0, dtype=np.intp), len(area))
        self._is_awake = np.zeros(shape, dtype=np.bool_)
        self._suspected: NDArray[np.bool_] | None = None
        self._alerts: dict[tuple[int, int], Alert] = {}
        self._alerts_changed = False
        self._look_flat()

    def _look_flat(self) -> None:
        """The matrices once more, as one row of cells each."""
        self._held: NDArray[np.int32] = self._held_s.reshape(-1)
        self._gone: NDArray[np.int32] = self._gone_s.reshape(-1)
        self._opened: NDArray[np.bool_] = self._open.reshape(-1)
        self._stamped: NDArray[np.int32] = self._shown.reshape(-1)
        self._missing: NDArray[np.float64] = self._missing_kwh.reshape(-1)

    # --- one interval

    def step(
        self,
        signals: Sequence[Signal],
        *,
        end_s: int,
        interval_s: int,
        energy_kwh: NDArray[np.float64],
        expected_kwh: NDArray[np.float64],
        of_day: bool = False,
        claimed_kwh: Mapping[str, NDArray[np.float64]] | None = None,
    ) -> Step:
        """Take in one interval's evidence. `end_s` is the interval's end: an alert is raised when its interval is over.

        What an open claim stands for is what was expected less what was registered; `claimed_kwh` says it of kinds where more is known,
        (meters,) by code.
        Evidence of a closed day (`of_day`) holds until the next day's: intervals that find nothing do not end it. A day that finds nothing
        ends only what days held: no event, and nothing that the newest interval still shows.
        """
        if of_day:
            self._hold_for_a_day(signals)
        cells = self._with_speaking(signals)
        if not len(cells):
            return _NOTHING
        at, self._suspected = cells.at, None
        strength = self._strongest(signals, cells)
        place = cells.codes, cells.rows
        if of_day:
            strength = self._by_the_day(place, strength)
        else:
            self._by_interval[place] = np.where(
                strength == strength, strength >= SET_STRENGTH, self._by_interval[place]
            )
            np.fmax(strength, _STAYS, out=strength, where=self._of_day[place])
        # cells that are not judged stay as they were
        holds, gone = strength >= SET_STRENGTH, strength <= RECOVER_STRENGTH
        step_s = np.maximum(cells.least_step_s, interval_s)
        held_s, is_open = self._held[at], self._opened[at]
        held_s = np.where(holds, np.minimum(held_s + step_s, _LONGEST_HELD_S), np.where(gone, 0, held_s))
        self._held[at] = held_s
        if not of_day:
            self._remember(cells, holds & cells.raises, held_s, end_s - interval_s, energy_kwh)
        changed: list[Alert | None] = []
        rising = holds & (held_s >= cells.set_after_s) & ~is_open
        if np.count_nonzero(rising):
            raised = np.flatnonzero(rising & cells.raises).tolist()
            changed += [self._raise(*cells.cell(i), signals, float(strength[i]), end_s) for i in raised]
            is_open |= rising
            self._opened[at] = is_open
        letting_go = is_open & gone
        gone_s = np.where(holds, 0, self._gone[at] + step_s * letting_go)
        self._gone[at] = gone_s
        ending = letting_go & (gone_s >= cells.clear_after_s)
        if np.count_nonzero(ending):
            for i in np.flatnonzero(ending).tolist():
                cell = cells.cell(i)
                changed.append(self._clear(*cell, end_s))
                self._shut(*cell)
                self._muted[cell] = False
                self._rests_on.forget(int(at[i]))
            is_open &= ~ending
        self._follow(cells, (held_s >= cells.suspected_from_s) > is_open, signals, end_s)
        self._account(cells, is_open, energy_kwh, expected_kwh, claimed_kwh or {}, end_s - interval_s)
        stamp, shown = self._worth_showing(cells, strength, holds, end_s)
        self._let_rest(cells, (held_s > 0) | is_open | (stamp > 0))
        return Step(tuple(a for a in changed if a is not None), shown)

    def _follow(self, cells: _Cells, nearing: NDArray[np.bool_], signals: Sequence[Signal], end_s: int) -> None:
        """What is suspected: conditions that have held for long enough to be shown, and are no alert yet."""
        if not self.suspicions and not np.count_nonzero(nearing):
            return
        self.suspicions.follow(
            dict.fromkeys(cells.at[nearing].tolist()).keys(), lambda cell: self._suspicion(cell, signals, end_s)
        )

    def _suspicion(self, cell: int, signals: Sequence[Signal], end_s: int) -> Suspicion | None:
        """None where this interval's evidence does not say it: a state that knew no suspicions waits for the next that does."""
        code, row = divmod(cell, len(self._area))
        kind, meter = CATALOGUE[CODES[code]], self._area.meters[row]
        holding = [s for s in signals if s.abnormality == kind.code and s.strength[row] >= SET_STRENGTH]
        if not holding:
            return None
        best = _best_of(holding, kind.code, row)
        return Suspicion(
            transformer_area=self._area.transformer_area,
            meter_id=None if meter.role == "supply" else meter.meter_id,
            service_point=meter.service_point,
            abnormality=kind.code,
            since_s=self._since_s(best, cell, row, end_s),
            must_s=60 * kind.set_after_minutes,
            observed=_rounded(float(best.observed[row])),
            expected=_rounded(float(best.expected[row])),
            unit=best.unit,
        )

    def _since_s(self, best: Signal, cell: int, row: int, at_s: int) -> int:
        """Since when a condition holds: by its evidence, where that knows, else for as long as it was seen."""
        if best.since_s is not None and best.since_s[row] > 0:
            return int(best.since_s[row])
        return at_s - int(self._held[cell])

    def _by_the_day(
        self, place: tuple[NDArray[np.intp], NDArray[np.intp]], strength: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The day's evidence at these cells, NaN where it finds nothing of what is not its own to end."""
        speaks, known = strength > RECOVER_STRENGTH, strength == strength
        before = self._by_day[place] & self._open[place]
        self._by_day[place] = np.where(known, speaks | before, self._by_day[place])
        return np.where(speaks | (before & ~self._by_interval[place]), strength, np.nan)

    def _remember(
        self,
        cells: _Cells,
        holding: NDArray[np.bool_],
        held_s: NDArray[np.int32],
        start_s: int,
        energy_kwh: NDArray[np.float64],
    ) -> None:
        """The readings that conditions rest on; those of conditions that are over are forgotten."""
        if self._rests_on:
            self._rests_on.keep_only(set(cells.at[(held_s > 0) | self._opened[cells.at]].tolist()))
        if np.count_nonzero(holding):
            kwh = energy_kwh[cells.rows[holding]].tolist()
            self._rests_on.add(zip(cells.at[holding].tolist(), kwh, strict=True), start_s)

    def _hold_for_a_day(self, signals: Sequence[Signal]) -> None:
        for signal in signals:
            np.copyto(
                self._of_day[CODE_INDEX[signal.abnormality]],
                signal.strength > RECOVER_STRENGTH,
                where=signal.strength == signal.strength,
            )

    def _with_speaking(self, signals: Sequence[Signal]) -> _Cells:
        """The cells that are not at rest, and those that evidence wakes."""
        waking = []
        for signal in signals:
            if not signal.quiet:
                code = CODE_INDEX[signal.abnormality]
                wakes = (signal.strength > RECOVER_STRENGTH) > self._is_awake[code]
                if np.count_nonzero(wakes):
                    waking.append(np.flatnonzero(wakes) + code * len(self._area))
        if not waking:
            return self._awake
        return _Cells(np.unique(np.concatenate((self._awake.at, *waking))), len(self._area))

    def _wake(self, cells: _Cells) -> None:
        """From here on these are the cells that are not at rest."""
        if cells is not self._awake:
            self._is_awake[self._awake.codes, self._awake.rows] = False
            self._is_awake[cells.codes, cells.rows] = True
            self._awake = cells

    def _wake_cell(self, code: int, row: int) -> None:
        self._wake(_Cells(np.union1d(self._awake.at, [code * len(self._area) + row]), len(self._area)))

    def _let_rest(self, cells: _Cells, moving: NDArray[np.bool_]) -> None:
        """Of `cells`, those that an interval without evidence would not move are at rest."""
        at_rest = np.count_nonzero(moving) < len(cells)
        self._wake(_Cells(cells.at[moving], len(self._area)) if at_rest else cells)

    def _strongest(self, signals: Sequence[Signal], cells: _Cells) -> NDArray[np.float64]:
        """The strongest evidence of each cell, NaN where none is judged."""
        strength = np.full(len(cells), np.nan)
        for signal in signals:
            span = cells.spans.get(signal.abnormality)
            if span is not None:
                part = slice(*span)
                np.fmax(strength[part], signal.strength[cells.rows[part]], out=strength[part])
        return strength

    def _worth_showing(
        self, cells: _Cells, strength: NDArray[np.float64], holds: NDArray[np.bool_], end_s: int
    ) -> tuple[NDArray[np.int32], tuple[tuple[str, int], ...]]:
        """(each cell's stamp, the (code, row) pairs worth a point)."""
        # one code of 0..3 per cell and day: nothing, between, set; shown when it changes and once a day while above recover
        speaks, before = strength > RECOVER_STRENGTH, self._stamped[cells.at]
        stamp = np.where(speaks, (1 + 4 * (end_s // DAY_S) + holds).astype(np.int32), np.int32(0))
        stamp = np.where(strength == strength, stamp, before)
        changed = stamp != before
        if not np.count_nonzero(changed):
            return before, ()
        self._stamped[cells.at] = stamp
        found = (cells.cell(i) for i in np.flatnonzero(changed).tolist())
        return stamp, tuple((CODES[code], row) for code, row in found)

    # --- single moves

    def _raise(self, code: int, row: int, signals: Sequence[Signal], strength: float, at_s: int) -> Alert | None:
        if self._muted[code, row]:
            return None
        signals = [s for s in signals if s.abnormality == CODES[code]]
        best = _best_of(signals, CODES[code], row)
        cell = code * len(self._area) + row
        since_s = self._since_s(best, cell, row, at_s)
        if (suspicion := self.suspicions.at(cell)) is not None:
            since_s = min(since_s, suspicion.since_s)
        observed, expected = float(best.observed[row]), float(best.expected[row])
        kind = CATALOGUE[CODES[code]]
        reasons = tuple(
            _common_reason(s, kind, row, *self._since_text(code, row, since_s, at_s))
            for s in sorted(signals, key=lambda s: s.detector)
            if s.strength[row] >= SET_STRENGTH
        )
        told = () if best.reasons is None else best.reasons(row)
        reasons = told if any(r.supports for r in told) else (*reasons, *told)
        if best.risk is not None and math.isfinite(best.risk[row]):
            risk = round(float(best.risk[row]), 4)
        else:
            risk = round(kind.weight * (1.0 if kind.certain else strength), 4)
        return self._begin_episode(code, row, at_s, since_s, observed, expected, best.unit, risk, reasons)

    def _relapses_from(self, code: int, row: int, at_s: int) -> Alert | None:
        """The alert whose next episode begins at `at_s`; None where a new one does."""
        known = self._alerts.get((code, row))
        within_s = CATALOGUE[CODES[code]].relapse_within_days * DAY_S
        if known is None or known.cleared_at_s is None or at_s - known.cleared_at_s > within_s:
            return None
        return known

    def _since_text(self, code: int, row: int, since_s: int, at_s: int) -> tuple[str, str]:
        """Since when the case is, in English and Chinese; of one that came back the first onset, and when it did."""
        known = self._relapses_from(code, row, at_s)
        again = self._calendar.text(since_s)
        if known is None or known.since_s >= since_s:
            return f"since {again}", f"自 {again} 起"
        first = self._calendar.text(known.since_s)
        return f"since {first}, back since {again}", f"自 {first} 起，{again} 再次出现"

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
        known = self._relapses_from(code, row, at_s)
        if known is not None and known.cleared_at_s is not None:
            alert = replace(
                known,
                state=AlertState.RAISED,
                cleared_at_s=None,
                observed=_rounded(observed),
                expected=_rounded(expected),
                unit=unit,
                risk=max(known.risk, risk),
                grade=grade_of(max(known.risk, risk)),
                reasons=(*reasons, *(r for r in known.reasons if r.detector == PERSON)),
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

    def is_open(self, code: str) -> NDArray[np.bool_]:
        """(meters,) where the condition is open and no finding muted it."""
        at = CODE_INDEX[code]
        return np.asarray(self._open[at] & ~self._muted[at])

    def stands_for_kwh(self, code: str, row: int) -> float:
        """Energy that the claim at a meter stands for since its alert was raised."""
        return float(self._missing_kwh[CODE_INDEX[code], row])

    def give_way(self, code: str, row: int, at_s: int, why: Reason) -> Alert | None:
        """The open condition ends because another explains it; None where no alert was raised of it."""
        at = CODE_INDEX[code]
        self._shut(at, row)
        self._held_s[at, row] = 0
        self._suspected = None
        ended = self._clear(at, row, at_s)
        return None if ended is None else self._keep(at, row, replace(ended, reasons=(*ended.reasons, why)))

    def _shut(self, code: int, row: int) -> None:
        """The condition is not open any more; the next time it is, days have no say in it before their evidence has."""
        self._open[code, row] = self._by_day[code, row] = self._by_interval[code, row] = False

    def _keep(self, code: int, row: int, alert: Alert) -> Alert:
        self._alerts[code, row] = alert
        self._alerts_changed = True
        return alert

    def _account(
        self,
        cells: _Cells,
        is_open: NDArray[np.bool_],
        energy_kwh: NDArray[np.float64],
        expected_kwh: NDArray[np.float64],
        claimed_kwh: Mapping[str, NDArray[np.float64]],
        start_s: int,
    ) -> None:
        """Energy an open claim stands for; intervals without a reading are kept with the alert for a late one."""
        if not np.count_nonzero(is_open):
            return
        expected, energy = expected_kwh[cells.rows], energy_kwh[cells.rows]
        missing = np.fmax(expected - energy, 0.0)
        for code, kwh in claimed_kwh.items():
            part = slice(*cells.spans.get(code, (0, 0)))
            missing[part] = np.nan_to_num(kwh[cells.rows[part]])
        self._missing[cells.at] += missing * is_open
        unread = is_open & (energy != energy) & np.isfinite(expected)
        if not np.count_nonzero(unread):
            return
        for i in np.flatnonzero(unread).tolist():
            alert = self._alerts.get(cells.cell(i))
            if alert is None or not alert.is_open:
                continue
            kept = tuple(u for u in alert.unjudged if u[0] > start_s - LATE_LIMIT_S)
            unjudged = (*kept, (start_s, _rounded(float(expected[i]))))
            self._keep(*cells.cell(i), replace(alert, unjudged=unjudged))

    # --- what comes from outside the intervals

    def report(self, event: MeterEvent, row: int, *, in_work_order: bool) -> Alert | None:
        """A meter's own event, certain by itself: raises at its own time, merges with an open alert of its kind.

        The catalogue says what an event of its kind does. Inside a work order it is what a person was allowed to do, and says
        nothing. That a danger is over ends its alert; a suspicion stays. None where nothing changed.
        """
        word = event_word(event.code)
        kind = None if word is None else CATALOGUE[word.code]
        if word is None or kind is None or kind.own_event != "alert" or not raises_alert(kind) or in_work_order:
            return None
        code = CODE_INDEX[kind.code]
        known = self._alerts.get((code, row))
        if word.is_over:
            return self._over(code, row, event.event_time_s)
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
        at = self._calendar.text(event.event_time_s)
        reason = Reason(
            "meter_event",
            f"the meter itself reported {kind.name_en} at {at}",
            text_zh=f"电能表自身于 {at} 上报{kind.name_zh}",
        )
        self._open[code, row], self._muted[code, row] = True, False
        self._by_interval[code, row] = True
        self._wake_cell(code, row)
        self.suspicions.forget(code * len(self._area) + row)
        self._suspected = None
        return self._begin_episode(
            code, row, event.event_time_s, event.event_time_s, 1.0, 0.0, "events", round(kind.weight, 4), (reason,)
        )

    def _over(self, code: int, row: int, at_s: int) -> Alert | None:
        """The meter says that a danger is over; readings that still show it raise it again."""
        if not self._open[code, row] or CATALOGUE[CODES[code]].lane != "hazard":
            return None
        self._shut(code, row)
        self._muted[code, row] = False
        self._held_s[code, row] = 0
        self._suspected = None
        return self._clear(code, row, at_s)

    def found(self, finding: Finding, row: int) -> tuple[Alert, ...]:
        """A finding settles every open alert of its meter: confirmed, or withdrawn and muted until the condition is gone."""
        changed = []
        self._suspected = None
        for (code, r), alert in sorted(self._alerts.items()):
            if r != row or not alert.is_open or alert.family in INFORMATION_FAMILIES:
                continue
            state = AlertState.CONFIRMED if finding.confirmed else AlertState.WITHDRAWN
            word, word_zh = ("confirmed", "查实") if finding.confirmed else ("not confirmed", "未查实")
            at = self._calendar.text(finding.found_at_s)
            reason = Reason(FINDING, f"inspection of {at}: {word}", not finding.confirmed, f"{at} 现场检查：{word_zh}")
            changed.append(self._settle(code, r, alert, state, finding.found_at_s, reason))
        return tuple(changed)

    def _settle(self, code: int, row: int, alert: Alert, state: AlertState, at_s: int, why: Reason) -> Alert:
        """Confirmed, or withdrawn and muted until the condition is gone; what a meter reported once is over either way."""
        ended = at_s if state is AlertState.WITHDRAWN else None
        if CATALOGUE[alert.abnormality].level == "event":
            ended = at_s
            self._shut(code, row)
        elif state is AlertState.WITHDRAWN:
            self._muted[code, row] = True
        settled = replace(
            alert,
            state=state,
            cleared_at_s=ended,
            missing_kwh=_rounded(float(self._missing_kwh[code, row])),
            reasons=(*alert.reasons, why),
            revision=alert.revision + 1,
        )
        return self._keep(code, row, settled)

    def dismiss(self, dismissal: Dismissal) -> Alert | None:
        """A person says that one alert is no problem: it is withdrawn, and muted until the condition is gone. None where it is not open."""
        cell = self._cell_of(dismissal.alert_id)
        if cell is None or not self._alerts[cell].is_open:
            return None
        self._suspected = None
        at, why = self._calendar.text(dismissal.said_at_s), dismissal.why
        reason = Reason(
            PERSON,
            f"no problem, said {dismissal.by} at {at}: {why.name_en}",
            True,
            f"{at} {dismissal.by} 判定无问题：{why.name_zh}",
        )
        return self._settle(*cell, self._alerts[cell], AlertState.WITHDRAWN, dismissal.said_at_s, reason)

    def reinstate(self, dismissal: Dismissal, at_s: int, by: str) -> Alert | None:
        """What was said is taken back: the alert stands again while its condition lasts, else it is over by itself. None where it
        was not withdrawn, or another alert of its kind took its place."""
        cell = self._cell_of(dismissal.alert_id)
        if cell is None or self._alerts[cell].state is not AlertState.WITHDRAWN:
            return None
        alert, at = self._alerts[cell], self._calendar.text(at_s)
        why = Reason(
            PERSON, f"taken back by {by} at {at}: it may be a problem", False, f"{at} {by} 撤回此判定：仍可能有问题"
        )
        again = replace(alert, reasons=(*alert.reasons, why), revision=alert.revision + 1)
        is_event = CATALOGUE[alert.abnormality].level == "event"
        if not is_event and not self._open[cell]:
            return self._keep(*cell, replace(again, state=AlertState.CLEARED))
        self._suspected = None
        self._open[cell], self._muted[cell] = True, False
        self._by_interval[cell] |= is_event
        self._wake_cell(*cell)
        return self._keep(*cell, replace(again, state=AlertState.RAISED, cleared_at_s=None))

    def _cell_of(self, alert_id: str) -> tuple[int, int] | None:
        return next((cell for cell, alert in self._alerts.items() if alert.alert_id == alert_id), None)

    def amend(self, row: int, start_s: int, energy_kwh: float, at_s: int) -> tuple[Alert, ...]:
        """A late reading of an interval: alerts that had to do without it count its energy; alerts that rest on what it
        corrects are changed, or withdrawn where nothing is left of what they rest on. `at_s` is when it came."""
        changed = []
        self._doubt(row, start_s, energy_kwh)
        for (code, r), alert in sorted(self._alerts.items()):
            if r != row:
                continue
            amended = self._counted_late(code, row, alert, start_s, energy_kwh) or self._corrected(
                code, row, alert, start_s, energy_kwh, at_s
            )
            if amended is not None:
                changed.append(self._keep(code, row, amended))
        return tuple(changed)

    def _doubt(self, row: int, start_s: int, energy_kwh: float) -> None:
        """A suspicion of this row of which nothing is left, now that one of its readings is known to be another, begins anew."""
        for suspicion, cell in [(s, c) for c, s in self.suspicions.items() if c % len(self._area) == row]:
            if self._rests_on.undone(cell, suspicion, start_s, energy_kwh):
                self._held[cell] = 0
                self.suspicions.forget(cell)
                self._suspected = None

    def _counted_late(self, code: int, row: int, alert: Alert, start_s: int, energy_kwh: float) -> Alert | None:
        expected = next((kwh for at, kwh in alert.unjudged if at == start_s), None)
        if expected is None:
            return None
        self._missing_kwh[code, row] += max(expected - energy_kwh, 0.0)
        return replace(
            alert,
            unjudged=tuple(u for u in alert.unjudged if u[0] != start_s),
            late_readings=alert.late_readings + 1,
            missing_kwh=_rounded(float(self._missing_kwh[code, row])),
            revision=alert.revision + 1,
        )

    def _corrected(self, code: int, row: int, alert: Alert, start_s: int, energy_kwh: float, at_s: int) -> Alert | None:
        """The alert as it stands once one of the readings it rests on is known to be another; None where it rests on none."""
        amended = self._rests_on.corrected(
            code * len(self._area) + row, alert, start_s, energy_kwh, at_s, self._calendar.text
        )
        if amended is not None and amended.state is AlertState.WITHDRAWN:
            self._shut(code, row)
            self._held_s[code, row] = 0
            self._suspected = None
        return amended

    def at_day_close(
        self, worth: Callable[[str, int], Worth | None] = lambda _abnormality, _row: None, since_s: int | None = None
    ) -> tuple[tuple[Alert, ...], tuple[Alert, ...]]:
        """(all open alerts, those among them whose energy at stake changed since they were last saved).

        With `since_s`, hazards that came back and went again since then are among the open ones: somebody has to look.
        `worth` says what a claim of an abnormality is worth at the meter of a row; where it knows nothing, what was said stands. What
        ended since then without a worth is told its own.
        """
        opened, changed = [], []
        for (code, row), alert in sorted(self._alerts.items()):
            if not alert.is_open:
                if since_s is not None and _comes_and_goes(alert, since_s):
                    opened.append(alert)
                if alert.worth is None and since_s is not None and _ended_since(alert, since_s):
                    last_worth = worth(alert.abnormality, row)
                    if last_worth is not None:
                        changed.append(
                            self._keep(code, row, replace(alert, worth=last_worth, revision=alert.revision + 1))
                        )
                continue
            at_stake = _rounded(float(self._missing_kwh[code, row]))
            now_worth = worth(alert.abnormality, row) or alert.worth
            if at_stake == alert.missing_kwh and now_worth == alert.worth:
                opened.append(alert)
                continue
            risk = _risk_by_worth(alert.risk, now_worth)
            amended = replace(
                alert,
                missing_kwh=at_stake,
                worth=now_worth,
                risk=risk,
                grade=grade_of(risk),
                revision=alert.revision + 1,
            )
            self._keep(code, row, amended)
            changed.append(amended)
            opened.append(amended)
        return tuple(opened), tuple(changed)

    def ended_since(self, since_s: int) -> tuple[EndedAlert, ...]:
        """The alerts that ended since then and did not come back."""
        return tuple(
            EndedAlert(alert.alert_id, alert.abnormality, alert.state, alert.cleared_at_s)
            for _, alert in sorted(self._alerts.items())
            if alert.cleared_at_s is not None and not alert.is_open and alert.cleared_at_s > since_s
        )

    def suspected(self) -> NDArray[np.bool_]:
        """(meters,), read-only: rows that must not teach what is normal: a condition of an untrusted family holds or is open."""
        if self._suspected is None:
            cells = self._awake
            under = (self._held[cells.at] > 0) | (self._opened[cells.at] & ~self._muted[cells.codes, cells.rows])
            self._suspected = np.zeros(len(self._area), dtype=np.bool_)
            self._suspected[cells.rows[under & cells.untrusted]] = True
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
            "of_day": self._of_day,
            "by_day": self._by_day,
            "by_interval": self._by_interval,
            "missing_kwh": self._missing_kwh,
            "rests_on": self._rests_on.array(),
        }

    def alerts(self) -> list[Alert]:
        return [alert for _, alert in sorted(self._alerts.items())]

    def take_alerts_changed(self) -> bool:
        """Whether any alert changed since the last call."""
        changed, self._alerts_changed = self._alerts_changed, False
        return changed

    def restore(self, arrays: Mapping[str, NDArray[np.generic]], alerts: Sequence[Alert]) -> None:
        for name, values in arrays.items():
            if name != "rests_on":
                setattr(self, f"_{name}", np.array(values))
        self._rests_on.restore(arrays["rests_on"])
        self._look_flat()
        moving = (self._held > 0) | self._opened | (self._stamped > 0)
        self._wake(_Cells(np.flatnonzero(moving), len(self._area)))
        self._suspected = None
        rows = {m.service_point: r for r, m in enumerate(self._area.meters)}
        rows |= {m.meter_id: r for r, m in enumerate(self._area.meters)}
        self._alerts = {
            (CODE_INDEX[a.abnormality], rows[a.meter_id if a.meter_id is not None else a.service_point]): a
            for a in alerts
        }


def _best_of(signals: Sequence[Signal], code: str, row: int) -> Signal:
    """The strongest evidence of a kind at a row."""
    of_kind = (s for s in signals if s.abnormality == code)
    return max(of_kind, key=lambda s: float(np.nan_to_num(s.strength[row], nan=-1.0)))


def _rounded(value: float) -> float:
    """Six decimals: what a file or a screen can show, and the same text on every machine. NaN stays NaN."""
    return round(value, 6)


def _common_reason(signal: Signal, kind: Abnormality, row: int, since: str, since_zh: str) -> Reason:
    """What any evidence can say of a row: since when (local time), what was observed, what was expected."""
    observed, expected, unit = float(signal.observed[row]), float(signal.expected[row]), unit_words(signal.unit)
    names = figure_names(kind.code, signal.unit)
    said, said_zh = f"{kind.name_en} {since}", f"{kind.name_zh}，{since_zh}"
    if np.isfinite(observed):
        said += f": {names.observed[0]} {unit.shown(f'{observed:.4g}', chinese=False)}"
        said_zh += f"，{names.observed[1]} {unit.shown(f'{observed:.4g}', chinese=True)}"
        if np.isfinite(expected) and not (unit.counts and expected == 0):
            said += f", {names.expected[0]} {unit.shown(f'{expected:.4g}', chinese=False)}"
            said_zh += f"，{names.expected[1]} {unit.shown(f'{expected:.4g}', chinese=True)}"
    return Reason(signal.detector, said, text_zh=said_zh)


def _risk_by_worth(risk: float, worth: Worth | None) -> float:
    """That energy was billed to nobody is certain: how much decides. Medium from some days of a home's use, high from a month's."""
    if worth is None or worth.basis != "unbilled" or worth.kwh < _UNBILLED_MEDIUM_KWH:
        return risk
    share = (worth.kwh - _UNBILLED_MEDIUM_KWH) / (_UNBILLED_HIGH_KWH - _UNBILLED_MEDIUM_KWH)
    return max(risk, round(min(MEDIUM_RISK + (HIGH_RISK - MEDIUM_RISK) * share, _MOST_UNBILLED_RISK), 4))


def _ended_since(alert: Alert, since_s: int) -> bool:
    ended_s = alert.cleared_at_s
    return alert.state is AlertState.CLEARED and ended_s is not None and ended_s > since_s


def _comes_and_goes(alert: Alert, since_s: int) -> bool:
    """Whether a hazard came back at least once, and was there since then."""
    return CATALOGUE[alert.abnormality].lane == "hazard" and alert.episodes > 1 and _ended_since(alert, since_s)
