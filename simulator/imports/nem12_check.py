"""The strict reading of NEM12 records: what must hold before any value of a file is believed.

`nemreader` skips a short 300 record with a log line and assumes a missing header; for revenue data both are faults of
the file. Checked here: the order of records 100, 200, 300, 400, 500, 900, the number of values against the interval
length of the current 200 record, ranges of 400 records, numbers, dates, flags and units (AEMO, *Meter Data File
Format Specification NEM12 & NEM13*, 2.4).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite

MINUTES_PER_DAY = 1440
#: kWh in one unit of an energy channel, by the unit's name in lower case.
KWH_PER_UNIT: Mapping[str, float] = {"wh": 0.001, "kwh": 1.0, "mwh": 1000.0, "gwh": 1_000_000.0}
#: What the first letter of a channel suffix means where it is not E (taken from the grid) or B (fed into it).
_OTHER_CHANNELS: Mapping[str, str] = {
    **dict.fromkeys("JKLPQR", "reactive energy"),
    **dict.fromkeys("STU", "apparent energy"),
    **dict.fromkeys("ACDF", "average or check metering; the master channels are E and B"),
    "V": "volts",
}
_FLAG = re.compile(r"[AEFNSV]\d{0,2}")
_EVENT_FLAG = re.compile(r"[AEFNS]\d{0,2}")
_SUFFIX = re.compile(r"[A-Z][0-9A-Z]")
_DATE_FORMATS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
#: Fields of a 300 record after its values: flag, reason code, reason, update time and, optionally, load time.
_FIELDS_AFTER_VALUES = 4, 5


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason why a file cannot be believed; `line` counts from 1."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What the check found. A file is fit for import if `version` is NEM12 and `faults` is empty.

    `written_at` is the header's time (yyyymmddhhmm). `configurations` holds, for each NMI and day (yyyymmdd), the
    channels its 200 record declares, e.g. ``E1B1Q1``.
    """

    version: str
    written_at: str
    faults: tuple[Fault, ...]
    configurations: Mapping[tuple[str, str], str]


def is_energy(suffix: str) -> bool:
    return suffix[:1] in ("E", "B")


def why_skipped(suffix: str) -> str:
    """What a channel that is neither E nor B measures.

    >>> why_skipped("K1")
    'reactive energy'
    """
    return _OTHER_CHANNELS.get(suffix[:1], "not an energy channel")


def check_nem12(lines: Iterable[str]) -> Checked:
    """Read every record of one file and collect all its faults; never raises."""
    check = _Check()
    reader = csv.reader(lines)
    try:
        for record in reader:
            check.read(reader.line_num, [value.strip() for value in record])
            if check.version == "NEM13":
                break
    except csv.Error as error:
        check.faults.append(Fault(reader.line_num, f"not comma-separated text: {error}"))
    check.finish()
    return Checked(
        check.version, check.written_at, tuple(sorted(check.faults, key=lambda f: f.line)), check.configurations
    )


@dataclass(slots=True)
class _Check:
    version: str = ""
    written_at: str = ""
    faults: list[Fault] = field(default_factory=list)
    configurations: dict[tuple[str, str], str] = field(default_factory=dict)
    _line: int = 0
    _seen_any: bool = False
    _ended_at: int | None = None
    _reported_after_end: bool = False
    _blocks: int = 0
    _block_line: int | None = None
    _days_in_block: int = 0
    _nmi: str = ""
    _configuration: str = ""
    #: Values per day of the current 200 record; None where it has no readable interval length, or there is none yet
    _values: int | None = None
    _day_line: int | None = None
    _day_flag: str = ""
    _covered: int = 0

    def read(self, line: int, record: list[str]) -> None:
        self._line = line
        if not any(record):
            return
        kind = record[0]
        if not self._seen_any:
            self._seen_any = True
            if kind != "100":
                self._fault(f"the file must begin with a 100 (header) record, not with {kind[:20]!r}")
        if self._ended_at is not None and not self._reported_after_end:
            self._reported_after_end = True
            self._fault(f"a {kind[:20]!r} record after the 900 (end) record of line {self._ended_at}")
        readers: Mapping[str, Callable[[list[str]], None]] = {
            "100": self._header,
            "200": self._channel,
            "300": self._day,
            "400": self._event,
            "500": self._visit,
            "900": self._end,
        }
        reader = readers.get(kind)
        if reader is None:
            self._fault(f"unknown record {kind[:20]!r}; NEM12 knows 100, 200, 300, 400, 500 and 900")
        else:
            reader(record)

    def finish(self) -> None:
        if self.version == "NEM13":
            return
        self._close_block()
        if not self._seen_any:
            self._fault("the file is empty", line=1)
        elif self._ended_at is None:
            self._fault("the file breaks off: no 900 (end) record")
        if self._seen_any and not self._blocks:
            self._fault("no interval data: the file has no 200 record", line=1)

    def _fault(self, reason: str, line: int | None = None) -> None:
        self.faults.append(Fault(self._line if line is None else line, reason))

    def _header(self, record: list[str]) -> None:
        if self.version:
            self._fault("a second 100 (header) record; give each file on its own")
            return
        self.version = record[1] if len(record) > 1 else "?"
        if self.version not in ("NEM12", "NEM13"):
            self._fault(f"version {self.version!r} in the header; NEM12 is needed")
        elif len(record) < 5:
            self._fault(f"the header has {len(record)} fields, 5 are needed (100, version, time, from, to)")
        elif not _is_time(record[2], 12):
            self._fault(f"the header's time {record[2]!r} is not yyyymmddhhmm")
        else:
            self.written_at = record[2]

    def _channel(self, record: list[str]) -> None:
        self._close_block()
        self._blocks += 1
        self._block_line, self._days_in_block, self._values = self._line, 0, None
        if len(record) < 9:
            self._fault(f"the 200 record has {len(record)} fields, at least 9 are needed")
            return
        self._nmi, self._configuration, suffix, unit, length = (record[i] for i in (1, 2, 4, 7, 8))
        if not self._nmi or len(self._nmi) > 11:
            self._fault(f"NMI {self._nmi!r} has {len(self._nmi)} characters; 1 to 10, or 11 with its check digit")
        if not _SUFFIX.fullmatch(suffix):
            self._fault(f"channel suffix {suffix!r} is not a letter and a digit, such as E1")
        elif is_energy(suffix) and unit.lower() not in KWH_PER_UNIT:
            self._fault(f"channel {suffix} counts in {unit!r}; an energy channel needs Wh, kWh, MWh or GWh")
        if not length.isdecimal() or not 1 <= int(length) <= MINUTES_PER_DAY or MINUTES_PER_DAY % int(length):
            self._fault(f"interval length {length!r} is not a number of minutes that divides a day")
        else:
            self._values = MINUTES_PER_DAY // int(length)

    def _day(self, record: list[str]) -> None:
        self._close_day()
        self._day_line, self._day_flag, self._covered = self._line, "", 0
        self._days_in_block += 1
        if self._block_line is None:
            self._fault("a 300 record before any 200 record: nothing says whose values these are")
            return
        day = record[1] if len(record) > 1 else ""
        if not _is_time(day, 8):
            self._fault(f"date {day!r} is not a day written yyyymmdd")
        if self._values is None:
            return
        found = next((i for i, v in enumerate(record[2:]) if _FLAG.fullmatch(v)), None)
        if found is None:
            self._fault("no quality flag (A, E, F, N, S or V) after the values")
            return
        if found != self._values:
            minutes = MINUTES_PER_DAY // self._values
            self._fault(f"{found} values, but {minutes}-minute intervals make {self._values} a day")
            return
        self._day_flag = record[2 + found]
        self._values_and_times(record, found)
        self.configurations[self._nmi, day] = self._configuration

    def _values_and_times(self, record: list[str], values: int) -> None:
        for number, text in enumerate(record[2 : 2 + values], start=1):
            if text and not _is_energy_value(text):
                self._fault(f"value {number} is {text[:20]!r}, not a number of 0 or more")
                break
        after = record[2 + values + 1 :]
        if len(after) + 1 not in range(_FIELDS_AFTER_VALUES[0], _FIELDS_AFTER_VALUES[1] + 1):
            self._fault(
                f"{len(after) + 1} fields after the values, {_FIELDS_AFTER_VALUES[0]} or {_FIELDS_AFTER_VALUES[1]} are "
                "needed (flag, reason code, reason, update time, load time)"
            )
            return
        for text in after[2:]:
            if text and not _is_time(text, 14):
                self._fault(f"time {text!r} is not yyyymmddhhmmss")

    def _event(self, record: list[str]) -> None:
        if self._day_line is None:
            self._fault("a 400 record that follows no 300 record")
            return
        if len(record) < 6:
            self._fault(f"the 400 record has {len(record)} fields, 6 are needed")
            return
        start, end, flag = record[1], record[2], record[3]
        if not _EVENT_FLAG.fullmatch(flag):
            self._fault(f"quality flag {flag!r} of a 400 record; A, E, F, N or S are possible")
        if not (start.isdecimal() and end.isdecimal()) or not 1 <= int(start) <= int(end):
            self._fault(f"intervals {start!r} to {end!r} are not a range counted from 1")
            return
        if self._values is not None and int(end) > self._values:
            self._fault(
                f"intervals {start} to {end} lie beyond the {self._values} of a day at "
                f"{MINUTES_PER_DAY // self._values} minutes"
            )
        elif int(start) != self._covered + 1:
            self._fault(f"intervals {start} to {end} do not continue after interval {self._covered}")
        self._covered = int(end)

    def _visit(self, record: list[str]) -> None:
        if self._block_line is None:
            self._fault("a 500 record before any 200 record")
        elif len(record) < 5:
            self._fault(f"the 500 record has {len(record)} fields, 5 are needed")
        elif record[3] and not _is_time(record[3], 14):
            self._fault(f"read time {record[3]!r} is not yyyymmddhhmmss")

    def _end(self, _record: list[str]) -> None:
        self._close_block()
        self._block_line = None
        if self._ended_at is None:
            self._ended_at = self._line

    def _close_day(self) -> None:
        """A day of mixed quality (flag V) is explained interval by interval by the 400 records that follow."""
        if self._day_line is not None and self._day_flag == "V" and self._covered != self._values:
            self._fault(
                f"flag V, but its 400 records explain intervals up to {self._covered} of {self._values}",
                line=self._day_line,
            )
        self._day_line = None

    def _close_block(self) -> None:
        self._close_day()
        if self._block_line is not None and not self._days_in_block:
            self._fault("a 200 record without any 300 record", line=self._block_line)


def _is_time(text: str, length: int) -> bool:
    if len(text) != length or not text.isdecimal():
        return False
    try:
        datetime.strptime(text, _DATE_FORMATS[length])  # noqa: DTZ007 - only whether it is a date
    except ValueError:
        return False
    return True


def _is_energy_value(text: str) -> bool:
    try:
        value = float(text)
    except ValueError:
        return False
    return isfinite(value) and value >= 0
