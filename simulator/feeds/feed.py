"""The feed folder, read: its archive, its readings in order of arrival, its events, findings and truth."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import holidays

from metering.archive import Archive, Area
from metering.errors import ArchiveError, FeedError
from metering.identity import identity
from metering.messages import Finding, MeterEvent
from metering.times import LONGEST_WITH_A_SHAPE_MINUTES
from metering.truth import TruthCase
from simulator.feeds import feed_tables as tables
from simulator.feeds.feed_readings import UNREADABLE_TIME, ReadingBatch, ReadingsFile
from simulator.feeds.feed_writer import FEED_FILES, FEED_TOML, READINGS_FILES, FeedWriter, ReadingsFormat
from simulator.feeds.first_look import doubts

__all__ = ["UNKNOWN_AREA", "UNREADABLE_TIME", "Feed", "FeedWriter", "ReadingBatch", "ReadingsFormat"]

#: Area of what concerns a meter that the archive does not know.
UNKNOWN_AREA = "?"
FEED_KEYS = ("name", "interval_minutes", "timezone", "licence", "calendar")
#: Of the readings so much of either end is looked at to tell one feed from another.
_END_BYTES = 1 << 20
HOLIDAY_YEARS = range(2000, 2051)


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """A feed that was opened: small files are read and checked, readings only up to their header.

    A malformed archive (feed.toml, meters.csv, tariffs.csv) raises `FeedError` with file, line, column and what to do. A malformed
    row of another small table is left out and told in `set_aside`; a malformed reading travels on.
    """

    folder: Path
    archive: Archive
    readings_file: ReadingsFile
    _notes: tuple[str, ...]
    set_aside: Mapping[str, tuple[str, ...]]
    """By file, what was wrong with the rows that were left out, each with its line."""

    @classmethod
    def open(cls, folder: Path) -> Feed:
        if not folder.is_dir():
            raise FeedError(f"{folder} is not a folder; a feed is a folder with {FEED_TOML}, meters.csv and readings")
        notes: list[str] = []
        settings = _read_toml(folder / FEED_TOML, notes)
        meters_csv = folder / "meters.csv"
        if not meters_csv.is_file():
            raise FeedError(f"{meters_csv} is missing; it names the meters of the feed, one a line")
        readings = ReadingsFile.open(_readings_path(folder))
        aside: dict[str, list[str]] = {"outages.csv": [], "works.csv": [], "downstream_prices.csv": []}
        optional = ("outages.csv", "works.csv", "tariffs.csv", "downstream_prices.csv")
        outages, works, tariffs, downstream = (folder / name for name in optional)
        try:
            archive = Archive(
                name=settings["name"],
                interval_minutes=settings["interval_minutes"],
                timezone=settings["timezone"],
                meters=tables.read_meters(meters_csv, notes),
                holidays=settings["holidays"],
                outages=tables.read_outages(outages, notes, aside[outages.name]) if outages.is_file() else (),
                works=tables.read_works(works, notes, aside[works.name]) if works.is_file() else (),
                tariffs=tables.read_tariffs(tariffs, notes) if tariffs.is_file() else (),
                downstream_prices=tables.read_downstream_prices(downstream, notes, aside[downstream.name])
                if downstream.is_file()
                else (),
                licence=settings["licence"],
            )
        except ArchiveError as error:
            raise FeedError(f"{meters_csv}: {error}") from error
        notes += [
            f"{path.name} is not known and is ignored; docs/feed.md names a feed's tables"
            for path in sorted(folder.glob("*.csv*"))
            if path.name not in FEED_FILES
        ]
        aside |= _check_reports(folder, archive, notes)
        set_aside = {name: tuple(told) for name, told in aside.items() if told}
        return cls(folder, archive, readings, tuple(notes), set_aside)

    @property
    def reading_columns(self) -> tuple[str, ...]:
        """The columns of a reading that this feed carries, `energy_kwh` first."""
        return self.readings_file.columns

    def readings(self, only_area: str | None = None) -> Iterator[ReadingBatch]:
        """Readings in order of arrival, batch by batch; of all meters, or of the meters that ever stood in one area."""
        if only_area is None:
            return self.readings_file.batches()
        return self.readings_file.batches(frozenset(self.area(only_area).meter_ids))

    def area(self, transformer_area: str) -> Area:
        """Raises `FeedError` for an area that the archive does not know."""
        area = self.archive.areas.get(transformer_area)
        if area is None:
            known = list(self.archive.areas)
            some = ", ".join(known[:10]) + (" ..." if len(known) > 10 else "")
            raise FeedError(f"{self.folder}: no area {transformer_area!r} in meters.csv; it knows {some}")
        return area

    def area_of(self, meter_id: str, epoch_s: int) -> str:
        """The area of a meter at a time; `UNKNOWN_AREA` for a meter that the archive does not know."""
        return self.archive.area_of(meter_id, epoch_s) or UNKNOWN_AREA

    def events(self) -> Iterator[MeterEvent]:
        """Events in the order of the file."""
        path = self.folder / "events.csv"
        return tables.read_events(path, aside=[]) if path.is_file() else iter(())

    def require_readings(self) -> None:
        """Raises `FeedError` where there is not a single reading: nothing could be said of anybody."""
        if next(self.readings(), None) is None:
            raise FeedError(
                f"{self.readings_file.path} has columns but no readings: put the readings there, one a row "
                "(`meterwatch doctor FEED` looks at a feed)"
            )

    def later_events(self) -> Sequence[MeterEvent]:
        """None: the file is all there is."""
        return ()

    def findings(self) -> list[Finding]:
        """Findings by (found_at, id)."""
        path = self.folder / "findings.csv"
        if not path.is_file():
            return []
        found = [
            Finding(
                identity("finding", row.meter_id, row.found_at_s),
                self.area_of(row.meter_id, row.found_at_s),
                row.meter_id,
                row.found_at_s,
                row.confirmed,
                row.abnormality,
                row.found_by,
                row.note,
            )
            for row in tables.read_findings(path, aside=[], known_meters=self.archive.areas_of_meter)
        ]
        return sorted(found, key=lambda finding: (finding.found_at_s, finding.finding_id))

    @property
    def identity(self) -> str:
        """The same for every copy of this feed, another for other meters or readings: of the archive's files, and of the readings'
        size and both ends, so that a large feed costs nothing."""
        digest = blake2b(digest_size=8)
        for name in (FEED_TOML, "meters.csv"):
            digest.update((self.folder / name).read_bytes())
        readings = self.readings_file.path
        size = readings.stat().st_size
        digest.update(f"{readings.name} {size}".encode())
        with readings.open("rb") as file:
            digest.update(file.read(_END_BYTES))
            file.seek(max(size - _END_BYTES, 0))
            digest.update(file.read(_END_BYTES))
        return digest.hexdigest()

    @property
    def has_truth(self) -> bool:
        return (self.folder / "truth.csv").is_file()

    def truth(self) -> list[TruthCase]:
        """The cases of truth.csv in the order of the file; none where there is no file (see `has_truth`)."""
        return list(tables.read_truth(self.folder / "truth.csv")) if self.has_truth else []

    def notes(self) -> list[str]:
        """One line for everything that is switched off because a file or a column is missing, for ignored columns, and for what the
        first readings say against the description."""
        missing = [name for name, _ in _FILES if not (self.folder / name).is_file()]
        notes = [*self._notes, *switched_off(self.archive, self.reading_columns, missing)]
        notes.extend(
            f"readings: column {name!r} is not known and is ignored" for name in self.readings_file.unknown_columns
        )
        first = next(self.readings(), None)
        return notes if first is None else [*notes, *doubts(self.archive, first)]


_READING_GROUPS = (
    (("voltage_v", "voltage_a_v"), "nothing is judged by voltage"),
    (("current_a", "current_a_a"), "nothing is judged by current"),
    (("power_factor",), "nothing is judged by power factor, nor energy by voltage and current when a day is weighed"),
    (("neutral_current_a",), "neutral and line current are not compared"),
    (("register_kwh",), "registers are not held against intervals: none falls, disagrees or stands still"),
    (("export_kwh",), "nothing is judged by energy that is fed in, and balances do without it"),
    (("temperature_c",), "no meter temperature"),
)
_METER_COLUMNS = (
    (
        "customer_class",
        "all customers of an area are each other's peers, homes are not told from businesses, no advice on efficiency",
    ),
    ("contracted_kw", "demand is not held against the contract"),
    ("rated_current_a", "current is not held against the meter's rating"),
    ("phases", "a phase that a meter should have and does not show is not missed"),
    ("has_generation", "current and energy that flow back are not judged"),
    ("segment", "trouble of a line has no place in the area"),
)
_MAP_COLUMNS = ("latitude", "longitude")
_FILES = (
    ("tariffs.csv", "money is not stated"),
    ("events.csv", "nothing is judged by meter events"),
    ("outages.csv", "an outage cannot explain a silent meter"),
    ("works.csv", "work on site cannot explain an opened cover"),
    ("downstream_prices.csv", "resale is not judged by declared prices"),
)


def switched_off(archive: Archive, reading_columns: Sequence[str], missing_files: Sequence[str] = ()) -> list[str]:
    """What is not judged because the archive, the readings or missing files do not carry what it needs, one line each."""
    notes = []
    areas = archive.areas.values()
    blind = [area.transformer_area for area in areas if not len(area.supply_rows)]
    if blind:
        which = "no area has" if len(blind) == len(areas) else f"{len(blind)} areas lack"
        notes.append(f"meters.csv: {which} a supply meter: no energy balance there ({', '.join(blind[:5])})")
    for group, lost in _READING_GROUPS:
        if not any(name in reading_columns for name in group):
            notes.append(f"readings: no {' or '.join(group[:2])}: {lost}")
    if archive.interval_minutes > LONGEST_WITH_A_SHAPE_MINUTES:
        notes.append(
            f"feed.toml: interval_minutes = {archive.interval_minutes}: beyond {LONGEST_WITH_A_SHAPE_MINUTES} minutes "
            "a day has no shape: its hours, circuits and voltages are not weighed, nor what an area loses"
        )
    customers = [meter for meter in archive.meters if meter.role == "customer"]
    for name, lost in _METER_COLUMNS:
        if all(getattr(meter, name) is None for meter in customers):
            notes.append(f"meters.csv: no {name}: {lost}")
    if all(meter.rated_kva is None for meter in archive.meters if meter.role == "supply"):
        notes.append("meters.csv: no rated_kva of a supply meter: no transformer's overload is judged")
    if all(getattr(meter, name) is None for meter in archive.meters for name in _MAP_COLUMNS):
        notes.append(f"meters.csv: no {' or '.join(_MAP_COLUMNS)}: no map and no routes")
    notes.extend(f"{name} is missing: {lost}" for name, lost in _FILES if name in missing_files)
    return notes


def _check_reports(folder: Path, archive: Archive, notes: list[str]) -> dict[str, list[str]]:
    """Read what is reported about meters once, so that a fault shows when the feed is opened and not in mid-stream; by file, what
    is wrong with the rows that are left out."""
    aside: dict[str, list[str]] = {}
    known = archive.areas_of_meter
    strangers = sum(price.meter_id not in known for price in archive.downstream_prices)
    if strangers:
        notes.append(f"downstream_prices.csv: {strangers} rows are about meters that meters.csv does not name")

    def read_findings(path: Path, notes: list[str], told: list[str]) -> Iterator[tables.FindingRow]:
        return tables.read_findings(path, notes, told, known)

    for name, read in (
        ("events.csv", tables.read_events),
        ("findings.csv", read_findings),
        ("truth.csv", tables.read_truth),
    ):
        path, told = folder / name, aside.setdefault(name, list[str]())
        strangers = sum(row.meter_id not in known for row in read(path, notes, told)) if path.is_file() else 0
        if strangers:
            notes.append(f"{name}: {strangers} rows are about meters that meters.csv does not name")
    return aside


def _readings_path(folder: Path) -> Path:
    found = [folder / name for name in READINGS_FILES.values() if (folder / name).is_file()]
    names = ", ".join(READINGS_FILES.values())
    if not found:
        raise FeedError(f"{folder}: no readings; put one of {names} there")
    if len(found) > 1:
        raise FeedError(f"{folder}: both {found[0].name} and {found[1].name}; keep one of them")
    return found[0]


def _read_toml(path: Path, notes: list[str]) -> dict[str, Any]:
    if not path.is_file():
        raise FeedError(f"{path} is missing; a feed needs it with {', '.join(FEED_KEYS)}")
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8-sig").replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FeedError(f"{path}: {error}") from error
    unknown = [key for key in given if key not in FEED_KEYS]
    if unknown:
        raise FeedError(f"{path}: unknown key {', '.join(unknown)}; known are {', '.join(FEED_KEYS)}")
    for key in ("interval_minutes", "timezone"):
        if key not in given:
            raise FeedError(f"{path}: {key} is missing")
    for key, wanted in (("name", str), ("licence", str), ("timezone", str), ("interval_minutes", int)):
        if key in given and (not isinstance(given[key], wanted) or isinstance(given[key], bool)):
            raise FeedError(f"{path}: {key} = {given[key]!r} is not {'text' if wanted is str else 'a whole number'}")
    minutes = given["interval_minutes"]
    if not 1 <= minutes <= 1440 or 1440 % minutes:
        raise FeedError(f"{path}: interval_minutes = {minutes} does not divide a day; give 1 to 1440 that do")
    try:
        ZoneInfo(given["timezone"])
    except (KeyError, ValueError, OSError) as error:  # an unknown name, a path, a folder of the database
        raise FeedError(
            f"{path}: timezone = {given['timezone']!r} is not known; write an IANA name such as Asia/Shanghai or UTC"
        ) from error
    if "calendar" not in given:
        notes.append(f"{path.name}: no calendar: holidays count as ordinary days")
    return {
        "name": given.get("name", path.parent.name),
        "licence": given.get("licence", ""),
        "timezone": given["timezone"],
        "interval_minutes": minutes,
        "holidays": holidays_of(str(path), given.get("calendar", [])),
    }


def holidays_of(where: str, calendar: object) -> frozenset[date]:
    """The days of a `calendar`: a country such as 'CN' or 'DE-BY', or a list of dates. `where` it stands is for the error."""
    if isinstance(calendar, list):
        return frozenset(_holiday(where, day) for day in calendar)
    if not isinstance(calendar, str):
        raise FeedError(f"{where}: calendar = {calendar!r}; give a country such as 'CN' or 'DE-BY', or a list of dates")
    country, _, subdivision = calendar.partition("-")
    try:
        return frozenset(holidays.country_holidays(country, subdiv=subdivision or None, years=HOLIDAY_YEARS))
    except NotImplementedError as error:
        raise FeedError(
            f"{where}: calendar = {calendar!r} is no country known to the package holidays; "
            "give one such as 'CN' or 'DE-BY', or a list of dates"
        ) from error


def _holiday(where: str, day: object) -> date:
    if type(day) is date:
        return day
    try:
        return date.fromisoformat(str(day))
    except ValueError as error:
        raise FeedError(f'{where}: calendar: {day!r} is not a date; write "2026-01-31"') from error
