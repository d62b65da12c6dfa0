"""A whole transformer area without supply, by what meters report, read, and no longer send, and by the outage records (CM-02)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.interval.voltage_rules import PhaseLevels
from detectors.limits import limits_of
from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from metering.alert import Reason
from metering.archive import Outage
from metering.evidence import AreaContext, Signal
from metering.frame import ReadingFrame

CODE = "area_outage"
#: Fewer customers who report it together are each their own case.
_FEWEST = 3
Flags = NDArray[np.bool_]
Levels = Callable[[ReadingFrame], PhaseLevels | None]


@dataclass(frozen=True, slots=True)
class AreaOutageParams:
    silent_share: float = parameter(
        0.8, meaning="share of an area's customers without a sign of supply", unit="1", low=0.5, high=1, source="proposed: a line's outage leaves the others their supply"
    )  # fmt: skip
    witness_share: float = parameter(
        0.1, meaning="share of the customers (at least three) that report or read it where the supply meter does not", unit="1", low=0.02, high=1, source="proposed: silence alone is a concentrator's"
    )  # fmt: skip
    margin_minutes: float = parameter(
        15.0, meaning="how far planned work may begin early or end late", unit="min", low=0, high=240, source="proposed"
    )

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, slots=True, eq=False)
class OutageVerdict:
    """What a closed interval says of an area's supply.

    `touched`: the area was dark in a part of the interval, so that nothing of it can be judged. `dark_since_s` is 0 where the area has
    supply at the interval's end, or planned work explains that it has none. `alone` are rows whose meter alone reported power off,
    with the times of it, `back` rows that had reported it and have shown supply since.
    """

    signal: Signal
    touched: bool
    dark_since_s: int
    alone: tuple[tuple[int, int], ...]
    back: Flags | None = None


class AreaOutage:
    """Tells an area's outage at the end of each interval: hardly a customer shows a sign of supply, and somebody says why.

    Silence alone is mostly a concentrator that failed. So the supply meter must have reported power off or read a dead voltage, or a
    tenth of the customers must have; where both report it, the readings of that interval are of the time before. Or an unplanned outage is recorded that has begun. It is over when the supply meter or a fifth of
    the customers show supply again, when power on is reported, or at the end of its record. Under planned work nothing is said. A
    reading above 0 kWh is a sign of supply, so is a voltage from the recover value on; a voltage below the set value is a dead one
    (the meter's highest phase, in Un). `observed` is how many customers show no sign of supply, on the area's first supply meter's row.

    >>> from detectors.examples import MONDAY_S, context, frame
    >>> outage = AreaOutage(context(meters=6, supply=True))
    >>> for row in (1, 5):
    ...     outage.hear(row, MONDAY_S + 300, is_over=False)
    >>> verdict = outage.judge(frame(energy_kwh=[None] * 6), ())
    >>> float(verdict.signal.strength[5]), float(verdict.signal.observed[5]), verdict.dark_since_s - MONDAY_S
    (1.0, 5.0, 300)
    >>> outage.learn(verdict)
    >>> later = outage.judge(frame(energy_kwh=[0.2] * 5 + [1.1], start_s=MONDAY_S + 900), ())
    >>> float(later.signal.strength[5]), later.touched
    (0.0, True)
    """

    name = CODE
    abnormalities: tuple[str, ...] = (CODE,)

    def __init__(
        self, context: AreaContext, params: AreaOutageParams | None = None, levels: Levels = lambda _frame: None
    ) -> None:
        self._params = params or AreaOutageParams()
        self._context = context
        self._area = area = context.area
        self._levels = levels
        self._limits = limits_of(area, CODE, context.limits)
        self._first_supply = area.is_supply & (np.cumsum(area.is_supply) == 1)
        self._customers = ~area.is_supply
        nothing = np.full(len(area), np.nan)
        strength = np.where(self._first_supply, 0.0, np.nan).astype(np.float32)
        self._nothing_said = Signal(self.name, CODE, strength, nothing, nothing, "meters", quiet=True)
        count = len(area)
        layout = {
            "meters": {
                "off_s": Slab((count,), np.int64),  # since when it has reported to be off, 0 = it has not
                "changed_s": Slab((count,), np.int64),  # when it last reported on or off
                "untold_s": Slab((count,), np.int64),  # power off reported since the last interval, 0 = none
            },
            "area": {"dark_since_s": Slab((1,), np.int64)},
        }
        self._pages = StatePages("area_outage/1", layout)
        self._off_s, self._changed_s, self._untold_s = (self._pages.array("meters", n) for n in layout["meters"])
        self._dark_since_s = self._pages.array("area", "dark_since_s")

    # --- what is reported

    def hear(self, row: int, at_s: int, *, is_over: bool) -> None:
        """The meter of `row` reported power off, or on again, at `at_s`; an older report than the last one changes nothing."""
        if not is_over:
            self._untold_s[row] = at_s
        if at_s >= self._changed_s[row]:
            self._changed_s[row] = at_s
            self._off_s[row] = 0 if is_over else at_s
        self._pages.touch("meters")

    # --- judging

    def judge(self, frame: ReadingFrame, recorded: Iterable[Outage]) -> OutageVerdict:
        """Weigh a closed interval as it was received; `recorded` are the area's outages. Changes nothing."""
        start_s, end_s = frame.interval_start_s, frame.interval_end_s
        records = [o for o in recorded if o.start_s < end_s + self._margin_s and start_s - self._margin_s < o.end_s]
        was_s = int(self._dark_since_s[0])
        if not records and not was_s and not self._untold_s.any() and not self._off_s.any() and self._has_supply(frame):
            return OutageVerdict(self._nothing_said, touched=False, dark_since_s=0, alone=())
        seen = self._look(frame)
        touches = any(o.start_s < end_s and start_s < o.end_s for o in records)
        dark_s = 0 if self._planned(records, end_s) else self._dark_since(seen, records, was_s, start_s, end_s)
        touched = touches or bool(dark_s) or bool(was_s) or self._many(self._untold_s > 0)
        rows = [] if touched else np.flatnonzero(self._untold_s).tolist()
        return OutageVerdict(
            self._signal(seen, records, dark_s, end_s) if dark_s else self._nothing_said,
            touched=touched,
            dark_since_s=dark_s,
            alone=tuple((row, int(self._untold_s[row])) for row in rows),
            back=seen.back,
        )

    @property
    def _margin_s(self) -> int:
        return round(60 * self._params.margin_minutes)

    def _has_supply(self, frame: ReadingFrame) -> bool:
        """Whether enough customers used energy, the usual case; who used none may have supply all the same."""
        used = np.count_nonzero((frame.energy_kwh > 0) & self._customers)
        return bool(used > (1 - self._params.silent_share) * np.count_nonzero(self._customers))

    def _look(self, frame: ReadingFrame) -> _Seen:
        levels = self._levels(frame)
        level = np.full(len(self._area), np.nan) if levels is None else levels.highest
        lit = (frame.energy_kwh > 0) | (level >= self._limits.recover)
        back = lit & (self._off_s > 0) & (self._off_s <= frame.interval_start_s)
        off = (self._off_s > 0) & ~back
        if self._agreed(self._off_s > frame.interval_start_s):
            lit = np.zeros_like(lit)  # what was used was used before
        dead = (level < self._limits.set) & ~lit
        return _Seen(
            serving=self._area.valid_at(frame.interval_start_s),
            lit=lit & ~off,
            off=off,
            dead=dead & ~off,
            back=back,
        )

    def _planned(self, records: list[Outage], end_s: int) -> bool:
        """Whether planned work explains that there is no supply at `end_s`."""
        margin_s = self._margin_s
        return any(o.planned and o.start_s - margin_s <= end_s <= o.end_s + margin_s for o in records)

    def _dark_since(self, seen: _Seen, records: list[Outage], was_s: int, start_s: int, end_s: int) -> int:
        """Since when the area is dark at `end_s`; 0 = it has supply."""
        under_way = [o.start_s for o in records if not o.planned and o.start_s < end_s < o.end_s]
        customers = seen.serving & self._customers
        supply = seen.serving & self._area.is_supply
        most_lit = (1 - self._params.silent_share) * np.count_nonzero(customers)
        if np.count_nonzero(seen.lit & customers) > most_lit or (seen.lit & supply).any():
            return 0
        out = seen.off | seen.dead
        if under_way or (out & supply).any() or self._many(out & customers):
            return was_s or min([*under_way, *self._reported_s(seen.off & seen.serving)], default=start_s)
        # nobody says more, and nobody shows supply
        ended = any(was_s < o.end_s <= end_s for o in records)
        reported_on = (self._changed_s[supply] > was_s) & (self._off_s[supply] == 0)
        return 0 if ended or reported_on.any() else was_s

    def _reported_s(self, off: Flags) -> list[int]:
        """When power went off by the supply meter's report, else by most of the customers' reports; empty where nobody reported it."""
        of_supply = self._off_s[off & self._area.is_supply]
        of_customers = np.sort(self._off_s[off & self._customers])
        reported = of_supply if len(of_supply) else of_customers[len(of_customers) // 2 :]
        return [int(reported.min())] if len(reported) else []

    def _agreed(self, off: Flags) -> bool:
        """Whether the supply meter reports it, and customers enough do."""
        return bool((off & self._area.is_supply).any()) and self._many(off & self._customers)

    def _many(self, out: Flags) -> bool:
        """Whether so many meters report or read the same that it is no customer's own matter."""
        if (out & self._area.is_supply).any():
            return True
        least = max(_FEWEST, self._params.witness_share * np.count_nonzero(self._customers))
        return bool(np.count_nonzero(out & self._customers) >= least)

    # --- saying

    def _signal(self, seen: _Seen, records: list[Outage], dark_s: int, end_s: int) -> Signal:
        customers = seen.serving & self._customers
        without = float(np.count_nonzero(customers & ~seen.lit))
        first = self._first_supply
        return Signal(
            self.name,
            CODE,
            np.where(first, 1.0, np.nan).astype(np.float32),
            np.where(first, without, np.nan),
            np.where(first, 0.0, np.nan),
            "meters",
            since_s=np.where(first, dark_s, 0),
            reasons=lambda _row: self._reasons(seen, records, end_s),
        )

    def _reasons(self, seen: _Seen, records: list[Outage], end_s: int) -> tuple[Reason, ...]:
        customers = seen.serving & self._customers
        off, dead, lit = (int(np.count_nonzero(of & customers)) for of in (seen.off, seen.dead, seen.lit))
        total = int(np.count_nonzero(customers))
        silent = total - off - dead - lit
        reasons = [
            Reason(
                self.name,
                f"of {total} customers {total - lit} show no sign of supply: {off} reported power off, {dead} read a dead voltage, {silent} send nothing",
                text_zh=f"{total} 户中 {total - lit} 户无供电迹象：{off} 户上报停电，{dead} 户电压失电，{silent} 户无数据",
            )
        ]
        supply_off_s = self._off_s[seen.off & self._area.is_supply]
        if len(supply_off_s):
            at = self._context.calendar.text(int(supply_off_s.min()))
            reasons.append(
                Reason(self.name, f"the supply meter reported power off at {at}", text_zh=f"考核表于 {at} 上报停电")
            )
        elif (seen.dead & self._area.is_supply).any():
            reasons.append(Reason(self.name, "the supply meter reads a dead voltage", text_zh="考核表电压失电"))
        begun = [o.start_s for o in records if not o.planned and o.start_s < end_s < o.end_s]
        if begun:
            at = self._context.calendar.text(min(begun))
            reasons.append(Reason(self.name, f"recorded as an outage since {at}", text_zh=f"停电记录自 {at} 起"))
        return tuple(reasons)

    # --- learning

    def learn(self, verdict: OutageVerdict) -> None:
        """Remember since when the area is dark, and forget reports that have been weighed or that readings have overtaken."""
        if self._dark_since_s[0] != verdict.dark_since_s:
            self._dark_since_s[0] = verdict.dark_since_s
            self._pages.touch("area")
        if verdict.back is not None:
            if verdict.back.any() or self._untold_s.any():
                self._pages.touch("meters")
            self._off_s[verdict.back] = 0
            self._untold_s[...] = 0

    # --- state

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What each meter of an interval says of its supply at the interval's end, (meters,). A meter is `lit`, `off` by its own report, `dead`
    by its voltage, or none of these: it sent nothing, or a zero that may be either."""

    serving: Flags
    lit: Flags
    off: Flags
    dead: Flags
    back: Flags
