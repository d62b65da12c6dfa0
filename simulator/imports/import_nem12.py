"""Feeds out of NEM12 files, the interval meter data of the Australian market: one feed per interval length.

- Files are plain or zipped text. Each is checked strictly first (`nem12_check`), then read by `nemreader`; a file with
  a fault is refused whole, the others are imported.
- Times are market time, UTC+10 all year (`Etc/GMT-10`: the sign of these names is reversed).
- Channels E1, E2 ... of an NMI are summed into `energy_kwh`, B1, B2 ... into `export_kwh`; Wh, MWh and GWh become kWh.
  Where one channel of a sum has no value, the sum has none: a part would look like a loss. A channel that the
  configuration declares but no file ever holds is named in `notes`. All other channels are in `skipped_channels`.
- Substituted, estimated and final values (quality S, E, F) are kept; null data (N) and empty values are missing.
- A file written later (by its header) replaces values of the same channel and day; so does a later record of one file.
- An NMI is the meter, the service point and the customer; all stand in the area ``NEM12``, which has no supply meter.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from metering.archive import Archive, Meter
from metering.errors import FeedError
from metering.times import DAY_S, to_epoch_s
from simulator.feeds.feed_writer import FeedWriter
from simulator.imports.nem12_check import KWH_PER_UNIT, MINUTES_PER_DAY, Checked, check_nem12, is_energy, why_skipped

if TYPE_CHECKING:
    from nemreader.nem_objects import Reading

TIMEZONE = "Etc/GMT-10"
TRANSFORMER_AREA = "NEM12"
LICENCE = "meter data of the imported NEM12 files; use as agreed with the market participant they came from"
_AHEAD_OF_UTC = timedelta(hours=10)
_FAULTS_LISTED = 20
_COLUMN_OF = {"E": "energy_kwh", "B": "export_kwh"}

#: kWh of one day, NaN = missing; shape (intervals of the day,).
_DayKwh = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What came of an import.

    `feeds` are the folders written. `refused` lists every fault as ``file:line: reason``; where there is one, the
    import is incomplete and the command ends with 1. `skipped_channels` names the channels that are not energy,
    `notes` what else a person should know.
    """

    feeds: tuple[Path, ...]
    refused: tuple[str, ...] = ()
    skipped_channels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def text(self) -> str:
        """For a person: a line for every feed, note, skipped channel and fault."""
        return "\n".join(
            [
                *(f"feed: {folder}" for folder in self.feeds),
                *(f"note: {note}" for note in self.notes),
                *(f"skipped: {channel}" for channel in self.skipped_channels),
                *(f"refused: {fault}" for fault in self.refused),
            ]
        )


def import_nem12(files: Sequence[Path], out: Path) -> ImportSummary:
    """Import `files` into the folder `out`, or into `out`/interval-15 and so on where there are several lengths.

    Files with a fault are refused and listed in the summary while the others are imported. Raises `FeedError` with
    every fault if not one file could be accepted.
    """
    refused: list[str] = []
    notes: list[str] = []
    accepted: list[tuple[_Text, Checked]] = []
    for text in _texts(files, refused):
        checked = check_nem12(text.lines)
        if checked.faults:
            refused.extend(_described(text.name, checked))
        elif checked.version == "NEM13":
            notes.append(f"{text.name}: NEM13 holds accumulated register readings, not intervals; skipped")
        else:
            accepted.append((text, checked))
    channels = _Channels()
    for text, checked in sorted(accepted, key=lambda a: a[1].written_at):  # stable: else the order they were given in
        channels.read(text, checked)
    if refused and not accepted:
        raise FeedError("\n".join(["no file could be imported:", *refused]))
    notes.extend(channels.notes())
    if accepted and not channels.days:
        notes.append("no energy channel (E or B) in any of the files: no feed was written")
    return ImportSummary(_write(channels, out), tuple(refused), tuple(channels.skipped()), tuple(notes))


@dataclass(frozen=True, slots=True)
class _Text:
    name: str
    lines: list[str]


def _texts(files: Iterable[Path], refused: list[str]) -> Iterator[_Text]:
    """The text of every file, and of every member of every zipped one."""
    for path in files:
        if not path.is_file():
            refused.append(f"{path}: no such file; give the NEM12 files themselves")
            continue
        if not zipfile.is_zipfile(path):
            yield from _text(str(path), path.read_bytes(), refused)
            continue
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.is_dir():
                    continue
                try:
                    content = archive.read(member)
                except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
                    refused.append(f"{path}/{member.filename}: cannot be unpacked: {error}")
                    continue
                yield from _text(f"{path}/{member.filename}", content, refused)


def _text(name: str, content: bytes, refused: list[str]) -> Iterator[_Text]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        refused.append(f"{name}:{line}: not text in UTF-8; save it as UTF-8 first")
        return
    yield _Text(name, list(io.StringIO(text, newline=None)))


def _described(name: str, checked: Checked) -> Iterator[str]:
    for fault in checked.faults[:_FAULTS_LISTED]:
        yield f"{name}:{fault.line}: {fault.reason}"
    if len(checked.faults) > _FAULTS_LISTED:
        yield f"{name}: and {len(checked.faults) - _FAULTS_LISTED} more"


@dataclass(slots=True)
class _Channels:
    """Every energy channel, day by day, as the files say so far."""

    #: (NMI, channel suffix, UTC second of the day's market midnight) -> interval minutes, kWh
    days: dict[tuple[str, str, int], tuple[int, _DayKwh]] = field(default_factory=dict)
    _declared: dict[tuple[str, int], str] = field(default_factory=dict)
    _replaced: dict[tuple[str, str], int] = field(default_factory=dict)
    _skipped: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    def read(self, text: _Text, checked: Checked) -> None:
        from nemreader import NEMFile  # brings pandas: only where it is needed

        written = [line for line in text.lines if line.strip(" ,\r\n")]
        channels = NEMFile(text.name, strict=True).parse_nem_file(written, text.name).readings
        for nmi, suffixes in channels.items():
            for suffix, readings in suffixes.items():
                if is_energy(suffix.strip()):
                    self._energy(nmi.strip(), suffix.strip(), readings)
                else:
                    units = {reading.uom.strip() for reading in readings}
                    self._skipped.setdefault((nmi.strip(), suffix.strip()), set()).update(units)
        for (nmi, day), configuration in checked.configurations.items():
            self._declared[nmi, _midnight_s(datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC))] = configuration

    def _energy(self, nmi: str, suffix: str, readings: Sequence[Reading]) -> None:
        """One 300 record after the other; each holds a whole day."""
        first = 0
        while first < len(readings):
            start = readings[first].t_start
            minutes = (readings[first].t_end - start) // timedelta(minutes=1)
            day = readings[first : first + MINUTES_PER_DAY // minutes]
            first += len(day)
            key = nmi, suffix, _midnight_s(start.replace(tzinfo=UTC))
            if key in self.days:
                self._replaced[nmi, suffix] = self._replaced.get((nmi, suffix), 0) + 1
            self.days[key] = minutes, np.array([_kwh(reading) for reading in day], dtype=np.float64)

    def skipped(self) -> Iterator[str]:
        for (nmi, suffix), units in sorted(self._skipped.items()):
            yield f"{nmi} {suffix}: {why_skipped(suffix)} ({', '.join(sorted(units)) or 'no unit'})"

    def notes(self) -> Iterator[str]:
        for (nmi, suffix), days in sorted(self._replaced.items()):
            yield f"{nmi} {suffix}: {days} day(s) stand more than once; the record written last was taken"
        absent: dict[tuple[str, str], int] = {}
        for nmi, suffix, _ in self._absent():
            absent[nmi, suffix] = absent.get((nmi, suffix), 0) + 1
        known = self._known()
        for (nmi, suffix), days in sorted(absent.items()):
            column = _COLUMN_OF[suffix[0]]
            outcome = f"{column} is missing there" if (nmi, suffix) in known else f"it is not in {column}"
            yield f"{nmi} {suffix}: declared by its configuration, but without values on {days} day(s); {outcome}"
        lengths: dict[tuple[str, int], set[int]] = {}
        for (nmi, _, day_s), (minutes, _) in self.days.items():
            lengths.setdefault((nmi, day_s), set()).add(minutes)
        for nmi in sorted({nmi for (nmi, _), found in lengths.items() if len(found) > 1}):
            yield f"{nmi}: its channels have different interval lengths on one day; each feed holds a part of them"

    def by_interval(self) -> dict[int, dict[int, dict[str, dict[str, _DayKwh]]]]:
        """Interval minutes -> day -> NMI -> column -> kWh. Sums are plain ones: unknown plus known is unknown."""
        feeds: dict[int, dict[int, dict[str, dict[str, _DayKwh]]]] = {}
        for (nmi, suffix, day_s), (minutes, kwh) in sorted(self.days.items(), key=lambda item: item[0]):
            columns = feeds.setdefault(minutes, {}).setdefault(day_s, {}).setdefault(nmi, {})
            column = _COLUMN_OF[suffix[0]]
            columns[column] = columns[column] + kwh if column in columns else kwh
        known = self._known()
        for nmi, suffix, day_s in self._absent():
            if (nmi, suffix) not in known:
                continue
            for days in feeds.values():
                columns = days.get(day_s, {}).get(nmi, {})
                column = _COLUMN_OF[suffix[0]]
                if column in columns:
                    columns[column] = np.full_like(columns[column], np.nan)
        return feeds

    def _known(self) -> set[tuple[str, str]]:
        return {(nmi, suffix) for nmi, suffix, _ in self.days}

    def _absent(self) -> Iterator[tuple[str, str, int]]:
        """Channels and days that a configuration declares and no record holds."""
        for (nmi, day_s), configuration in self._declared.items():
            for suffix in re.findall(r"[EB][0-9A-Z]", configuration):
                if (nmi, suffix, day_s) not in self.days:
                    yield nmi, suffix, day_s


def _midnight_s(market_time: datetime) -> int:
    """UTC second of a market time that is written as if it were UTC."""
    return to_epoch_s(market_time - _AHEAD_OF_UTC)


def _kwh(reading: Reading) -> float:
    if reading.read_value is None or (reading.quality_method or "").strip().startswith("N"):
        return np.nan
    return reading.read_value * KWH_PER_UNIT[reading.uom.strip().lower()]


def _write(channels: _Channels, out: Path) -> tuple[Path, ...]:
    feeds = channels.by_interval()
    folders = {minutes: out if len(feeds) == 1 else out / f"interval-{minutes}" for minutes in sorted(feeds)}
    for minutes, folder in folders.items():
        days = feeds[minutes]
        two_way = {nmi for meters in days.values() for nmi, columns in meters.items() if "export_kwh" in columns}
        archive = Archive(
            name=f"NEM12, {minutes}-minute intervals",
            interval_minutes=minutes,
            timezone=TIMEZONE,
            meters=tuple(
                _meter(nmi, nmi in two_way) for nmi in sorted({nmi for meters in days.values() for nmi in meters})
            ),
            licence=LICENCE,
        )
        names = ("energy_kwh", "export_kwh") if two_way else ("energy_kwh",)
        with FeedWriter(folder, archive, reading_columns=names) as feed:
            for day_s in sorted(days):
                _write_day(feed, day_s, minutes, days[day_s], names)
    return tuple(folders.values())


def _write_day(
    feed: FeedWriter, day_s: int, minutes: int, meters: dict[str, dict[str, _DayKwh]], names: Sequence[str]
) -> None:
    nmis = sorted(meters)
    nothing = np.full(MINUTES_PER_DAY // minutes, np.nan)
    values = {name: np.stack([meters[nmi].get(name, nothing) for nmi in nmis]) for name in names}
    for interval, start_s in enumerate(range(day_s, day_s + DAY_S, 60 * minutes)):
        feed.write_interval(start_s, nmis, {name: kwh[:, interval] for name, kwh in values.items()})


def _meter(nmi: str, two_way: bool) -> Meter:
    """A B channel says that generation is connected; without one nothing is known."""
    return Meter(nmi, nmi, nmi, TRANSFORMER_AREA, "customer", has_generation=True if two_way else None)
