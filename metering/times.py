"""Event time: whole UTC seconds inside, half-open intervals stamped by their start, local days where a calendar needs them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY_S = 86_400
DAY_CLOSE_AFTER_MIDNIGHT_S = 6 * 3600
#: Days of longer intervals have a level and no shape (minutes).
LONGEST_WITH_A_SHAPE_MINUTES = 60
LATE_LIMIT_S = 14 * DAY_S
#: A local midnight from which grids of less than a day are counted.
_PHASE_DAY = date(2000, 1, 1)


def to_epoch_s(moment: datetime) -> int:
    """Whole seconds since 1970 of a timezone-aware `moment`; a naive one is refused with ValueError.

    >>> to_epoch_s(datetime(2026, 1, 1, tzinfo=UTC))
    1767225600
    """
    if moment.tzinfo is None:
        raise ValueError("a time without a timezone cannot be placed: give it one (UTC inside Meterwatch)")
    return int(moment.timestamp())


def from_epoch_s(epoch_s: int) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)


def iso(epoch_s: int) -> str:
    """ISO 8601 in UTC with a Z, as written to files and the wire.

    >>> iso(1767225600)
    '2026-01-01T00:00:00Z'
    """
    return from_epoch_s(epoch_s).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_iso(text: str) -> int:
    """Epoch seconds of an ISO 8601 text that carries an offset or Z; ValueError otherwise."""
    return to_epoch_s(datetime.fromisoformat(text))


@dataclass(frozen=True, slots=True)
class LocalCalendar:
    """The utility's local days: boundaries in UTC seconds, the days' closing ticks, hours for tariffs and profiles."""

    timezone: str

    @property
    def zone(self) -> ZoneInfo:
        return _zone(self.timezone)

    def day_of(self, epoch_s: int) -> date:
        """The local day that contains `epoch_s`."""
        return _local(self.timezone, epoch_s).date()

    def day_start(self, day: date) -> int:
        """UTC second of local midnight at the start of `day`."""
        return _day_start(self.timezone, day)

    def day_end(self, day: date) -> int:
        return self.day_start(day + timedelta(days=1))

    def day_close(self, day: date) -> int:
        """The tick at which `day` closes: local midnight after it + 6 h (late readings may still come until then)."""
        return self.day_end(day) + DAY_CLOSE_AFTER_MIDNIGHT_S

    def local(self, epoch_s: int) -> datetime:
        return _local(self.timezone, epoch_s)

    def text(self, epoch_s: int) -> str:
        """A moment as people at the utility read it: local time, to the minute.

        >>> LocalCalendar("Asia/Shanghai").text(1767225600)
        '2026-01-01 08:00'
        """
        return f"{self.local(epoch_s):%Y-%m-%d %H:%M}"

    def slot_of_week(self, epoch_s: int, slot_minutes: int) -> int:
        """Index of the local slot of the week, Monday 00:00 first; `slot_minutes` divides a day.

        >>> LocalCalendar("UTC").slot_of_week(1767225600, 60)   # Thursday 00:00
        72
        """
        moment = self.local(epoch_s)
        minutes = moment.weekday() * 1440 + moment.hour * 60 + moment.minute
        return minutes // slot_minutes


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=4096)
def _local(timezone: str, epoch_s: int) -> datetime:
    # every rule of every area asks for the same few moments
    return datetime.fromtimestamp(epoch_s, _zone(timezone))


@lru_cache(maxsize=4096)
def _day_start(timezone: str, day: date) -> int:
    return int(datetime.combine(day, time(), _zone(timezone)).timestamp())


@dataclass(frozen=True, slots=True)
class IntervalGrid:
    """The starts of a feed's metering intervals: local midnights for daily ones, else a fixed step from a local midnight.

    >>> grid = IntervalGrid(LocalCalendar("Asia/Kathmandu"), 60)      # UTC+05:45
    >>> iso(grid.floor(1767225600)), iso(grid.next(1767222900))
    ('2025-12-31T23:15:00Z', '2026-01-01T00:15:00Z')
    """

    calendar: LocalCalendar
    interval_minutes: int

    @property
    def step_s(self) -> int:
        return 60 * self.interval_minutes

    @property
    def _phase_s(self) -> int:
        return _day_start(self.calendar.timezone, _PHASE_DAY) % self.step_s

    def floor(self, epoch_s: int) -> int:
        """The start of the interval that contains `epoch_s`."""
        if self.interval_minutes == 1440:
            return self.calendar.day_start(self.calendar.day_of(epoch_s))
        return epoch_s - (epoch_s - self._phase_s) % self.step_s

    def holds(self, epoch_s: int) -> bool:
        """Whether an interval starts at `epoch_s`."""
        return self.floor(epoch_s) == epoch_s

    def next(self, start_s: int) -> int:
        """The start of the interval after the one that starts at `start_s`; also that one's end."""
        if self.interval_minutes == 1440:
            return self.calendar.day_end(self.calendar.day_of(start_s))
        return start_s + self.step_s
