"""Who is told: on-call shifts, one step of escalation, and the crews that visit; all in the utility's local time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from fnmatch import fnmatchcase

from metering.notification import DESK

EVERY_DAY = frozenset(range(7))
MOST_LINES = 20


@dataclass(frozen=True, slots=True)
class Shift:
    """One channel answers at these hours: from `begins` up to `ends`, local; an end that is not later is on the day after.

    `days` are the days on which it begins, 0 = Monday.

    >>> night = Shift("phone", time(22), time(6), days=frozenset({4}))     # from Friday evening
    >>> night.holds(datetime(2026, 1, 3, 5, 59)), night.holds(datetime(2026, 1, 3, 22))     # Saturday
    (True, False)
    """

    channel: str
    begins: time = time()
    ends: time = time()
    days: frozenset[int] = EVERY_DAY

    @property
    def _over_midnight(self) -> bool:
        return self.ends <= self.begins

    def holds(self, at: datetime) -> bool:
        clock, day = at.time(), at.weekday()
        if not self._over_midnight:
            return day in self.days and self.begins <= clock < self.ends
        return (day in self.days and clock >= self.begins) or ((day - 1) % 7 in self.days and clock < self.ends)

    def beginnings(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """When it begins in (after, until], oldest first."""
        day = after.replace(hour=0, minute=0, second=0, microsecond=0)
        while day <= until:
            begins = day.replace(hour=self.begins.hour, minute=self.begins.minute)
            if after < begins <= until and day.weekday() in self.days:
                yield begins
            day += timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Escalation:
    """Where a page goes that nobody acknowledged for so many minutes of event time."""

    after_minutes: int
    channel: str


@dataclass(frozen=True, slots=True)
class Crew:
    """Who visits, at most how many places a day, and when their list of the day is due (local).

    `areas` and `feeders` are patterns (``TA-1*``); a crew takes a place that any of them matches, and every place where it has none.
    """

    name: str
    channel: str = DESK
    visits_per_day: int = 8
    morning: time = time(7)
    areas: tuple[str, ...] = ()
    feeders: tuple[str, ...] = ()

    def takes(self, transformer_area: str, feeder: str) -> bool:
        if not self.areas and not self.feeders:
            return True
        return any(fnmatchcase(transformer_area, each) for each in self.areas) or any(
            fnmatchcase(feeder, each) for each in self.feeders
        )


@dataclass(frozen=True, slots=True)
class Routes:
    """The whole plan. Without one everything is told to the desk, and one crew visits every place.

    `per_hour` is how many notifications a channel is sent in an hour at most, `most_lines` how many lines one has; what is
    not named has no limit, and `MOST_LINES`.
    """

    on_call: tuple[Shift, ...] = (Shift(DESK),)
    escalation: Escalation | None = None
    crews: tuple[Crew, ...] = (Crew("all"),)
    per_hour: Mapping[str, int] = field(default_factory=dict)
    most_lines: Mapping[str, int] = field(default_factory=dict)

    def on_call_channels(self, at: datetime) -> tuple[str, ...]:
        """Who answers at this local time, in the plan's order; the desk where no shift holds, so that a page is never nobody's.

        >>> Routes((Shift("day", time(8), time(17)),)).on_call_channels(datetime(2026, 1, 1, 3))
        ('desk',)
        """
        return tuple(dict.fromkeys(shift.channel for shift in self.on_call if shift.holds(at))) or (DESK,)

    def handovers(self, after: datetime, until: datetime) -> tuple[tuple[datetime, str], ...]:
        """(when, channel) in (after, until], by time, where a shift begins and its channel was not on call just before."""
        begun = {(at, shift.channel) for shift in self.on_call for at in shift.beginnings(after, until)}
        return tuple(
            sorted((at, channel) for at, channel in begun if channel not in self.on_call_channels(at - _JUST_BEFORE))
        )

    def crew_of(self, transformer_area: str, feeder: str) -> Crew | None:
        """The first crew of the plan that takes the place; None where none does."""
        return next((crew for crew in self.crews if crew.takes(transformer_area, feeder)), None)

    def limit_of(self, channel: str) -> int | None:
        return self.per_hour.get(channel)

    def lines_of(self, channel: str) -> int:
        return self.most_lines.get(channel, MOST_LINES)

    def channels(self) -> tuple[str, ...]:
        """Every channel that may be told something, by name."""
        named = {shift.channel for shift in self.on_call} | {crew.channel for crew in self.crews} | {DESK}
        if self.escalation is not None:
            named.add(self.escalation.channel)
        return tuple(sorted(named))

    def uncovered(self) -> tuple[tuple[int, time], ...]:
        """(weekday, time) from which on no shift holds, within a week, Monday first: pages then go to the desk alone."""
        marks = {time()} | {edge for shift in self.on_call for edge in (shift.begins, shift.ends)}
        week = [(day, edge) for day in range(7) for edge in sorted(marks)]
        held = [
            any(s.holds(datetime.combine(_MONDAY + timedelta(days=day), edge)) for s in self.on_call)
            for day, edge in week
        ]
        return tuple(
            at for at, now, before in zip(week, held, held[-1:] + held[:-1], strict=True) if not now and before
        )


_JUST_BEFORE = timedelta(minutes=1)
_MONDAY = date(2024, 1, 1)
