"""Weather that was measured: a CSV `time,temperature_c[,sunshine]` for the place a feed is simulated at.

Times are ISO 8601 and UTC where they carry no offset, ascending, at most six hours apart. `sunshine` is the share (0..1)
of full sun on the ground, which is global irradiance in W/m² divided by 1000. Lines before the header may say where it
was measured: ``# latitude = 52.5`` and ``# longitude = 13.4``.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metering.errors import FeedError
from metering.times import DAY_S, iso
from simulator.feeds.feed_tables import check_header, time_of

Series = NDArray[np.float64]

LONGEST_STEP_S = 6 * 3600
YEAR_DAYS = 365.2425
PLACE_WORDS = {"latitude": 90.0, "longitude": 180.0}


@dataclass(frozen=True, slots=True, eq=False)
class RecordedWeather:
    """A measured series of shape (rows,): `times_s` in UTC seconds, temperature in °C, `sunshine` 0..1 or None."""

    path: Path
    times_s: NDArray[np.int64]
    temperature_c: Series
    sunshine: Series | None
    latitude: float | None
    longitude: float | None

    def at(self, values: Series, epoch_s: Series) -> Series:
        """`values` at any times, interpolated; a time outside the file is looked for whole years earlier or later."""
        return np.asarray(np.interp(self._within(epoch_s), self.times_s, values))

    def check_covers(self, first_s: int, last_s: int) -> None:
        """Raise `FeedError` unless every day from `first_s` to `last_s` has its counterpart in the file."""
        asked = np.arange(first_s, last_s + DAY_S, DAY_S, dtype=np.float64)
        found = self._within(asked)
        outside = (found < self.times_s[0] - DAY_S) | (found > self.times_s[-1] + DAY_S)
        if outside.any():
            raise FeedError(
                f"{self.path}: covers {iso(int(self.times_s[0]))} to {iso(int(self.times_s[-1]))}, and nothing like "
                f"{iso(int(asked[outside][0]))}; give a file of a whole year (it is repeated), or one of the feed's days"
            )

    def _within(self, epoch_s: Series) -> Series:
        """Times moved by whole years into the file, or next to it where the file is shorter than a year."""
        first, last = float(self.times_s[0]), float(self.times_s[-1])
        years = max(1, math.floor((last - first) / DAY_S / 364.9))
        turns = np.floor((epoch_s - first) / (YEAR_DAYS * DAY_S * years))
        turns = np.where((epoch_s >= first) & (epoch_s <= last), 0, turns)
        # whole days, so that the hour of the day stays what it is
        return np.asarray(epoch_s - np.round(turns * years * YEAR_DAYS) * DAY_S)


def read_climate_file(path: Path) -> RecordedWeather:
    """Raises `FeedError` with the line for what cannot be used."""
    place: dict[str, float] = {}
    times: list[int] = []
    values: dict[str, list[float]] = {"temperature_c": [], "sunshine": []}
    for line, cells in _rows(path, place):
        times.append(_time(path, line, cells["time"], times))
        values["temperature_c"].append(_number(path, line, "temperature_c", cells, -90, 60, "degrees Celsius"))
        if "sunshine" in cells:
            hint = "a share of full sun; divide W/m² by 1000"
            values["sunshine"].append(_number(path, line, "sunshine", cells, 0, 1.3, hint))
    if len(times) < 2 or times[-1] - times[0] < DAY_S - LONGEST_STEP_S:
        raise FeedError(f"{path}: {len(times)} rows; give at least a day of weather, better a year")
    return RecordedWeather(
        path,
        np.array(times, dtype=np.int64),
        np.array(values["temperature_c"]),
        np.array(values["sunshine"]) if values["sunshine"] else None,
        place.get("latitude"),
        place.get("longitude"),
    )


def _rows(path: Path, place: dict[str, float]) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, cells by column); what stands before the header about the place goes into `place`."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            names: list[str] | None = None
            for found in reader:
                cells = [cell.strip() for cell in found]
                if not any(cells):
                    continue
                if names is None and cells[0].startswith("#"):
                    _place(path, reader.line_num, ",".join(cells), place)
                elif names is None:
                    check_header(path, cells, ("time", "temperature_c"))
                    names = cells
                elif len(cells) != len(names):
                    raise FeedError(f"{path}, line {reader.line_num}: {len(cells)} values under {len(names)} columns")
                else:
                    yield reader.line_num, dict(zip(names, cells, strict=True))
            if names is None:
                raise FeedError(f"{path}: empty file; its first line must name the columns time, temperature_c")
    except UnicodeDecodeError as error:
        raise FeedError(f"{path}: not UTF-8 text at byte {error.start}; save the file as UTF-8") from error
    except csv.Error as error:
        raise FeedError(f"{path}, line {reader.line_num}: {error}; check the quotes") from error
    except OSError as error:
        raise FeedError(f"{path}: cannot be read ({error.strerror})") from error


def _place(path: Path, line: int, text: str, place: dict[str, float]) -> None:
    word, equals, number = text.lstrip("# ").replace(":", "=").partition("=")
    limit = PLACE_WORDS.get(word.strip().lower())
    if not equals or limit is None:
        return  # a remark
    value = _parsed(number, float)
    if value is None or not abs(value) <= limit:
        raise FeedError(
            f"{path}, line {line}: {number.strip()!r} is no {word.strip()}; give degrees, south and west < 0"
        )
    place[word.strip().lower()] = value


def _parsed(text: str, parse: Callable[[str], float]) -> float | None:
    try:
        return parse(text)
    except (ValueError, OverflowError):
        return None


def _time(path: Path, line: int, text: str, before: list[int]) -> int:
    moment = _parsed(text, time_of)
    if moment is None:
        raise FeedError(
            f"{path}, line {line}, column time: {text!r} is not a time; write ISO 8601 such as 2026-01-01T00:00:00Z"
        )
    time_s = int(moment)
    if before and time_s <= before[-1]:
        raise FeedError(
            f"{path}, line {line}, column time: {text} does not come after {iso(before[-1])}; sort the rows"
        )
    if before and time_s - before[-1] > LONGEST_STEP_S:
        raise FeedError(
            f"{path}, line {line}, column time: {(time_s - before[-1]) / 3600:.1f} h after the row before; "
            f"fill gaps of more than {LONGEST_STEP_S // 3600} h"
        )
    return time_s


def _number(path: Path, line: int, column: str, cells: dict[str, str], low: float, high: float, unit: str) -> float:
    value = _parsed(cells[column], float)
    if value is None or not low <= value <= high:
        found = repr(cells[column]) if cells[column] else "empty"
        raise FeedError(
            f"{path}, line {line}, column {column}: {found}; give a number from {low:g} to {high:g} ({unit}), "
            "or leave the line out"
        )
    return value
