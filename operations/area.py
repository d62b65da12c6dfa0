"""One transformer area as the area stage holds it in memory: open intervals, detectors, alerts, hour and day in progress."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import date
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from alerts.announcing import Announcer
from alerts.consequences import Consequences
from alerts.life import CODES, AlertBank
from detectors.bank import (
    area_outage,
    case_probability,
    day_area,
    downstream_prices,
    expected_profile,
    frequent_outage,
    hour_detectors,
    interval_detectors,
    load_forecast,
    lost_voltage,
    meter_errors,
    validation_rules,
)
from detectors.case.case_probability import Verdict
from detectors.case.recoverable import Recoverable
from detectors.day.bank import DayBank
from detectors.day.curves import DayCurves
from detectors.interval.seasonal_profile import SeasonalProfile
from detectors.interval.sibling_totals import SiblingTotals, SiblingTotalsParams
from detectors.pages import pack_arrays, unpack_arrays
from detectors.validation.day_readings import DayReadings
from metering.alert import Alert, AlertState, Reason, Worth
from metering.announcement import Announcement
from metering.archive import Archive, Area
from metering.dismissal import Dismissal, dismissal_of
from metering.errors import StoreError
from metering.evidence import AreaContext, HourDetector, IntervalDetector, Signal
from metering.frame import ReadingFrame
from metering.messages import Finding
from metering.points import Point
from metering.ports import AreaDayRow
from metering.silence import Silence, silence_of
from metering.times import DAY_S, IntervalGrid
from operations.admission import OpenInterval

Thresholds = Mapping[str, Mapping[str, Any]]
SCHEMA = "area/9"
#: Read by the desk and the API too.
SUSPECTED_PAGE = "suspected"


@dataclass(slots=True)
class Outcome:
    """What the messages since the last save brought about in one partition."""

    alerts: dict[str, Alert] = field(default_factory=dict)
    findings: dict[str, Finding] = field(default_factory=dict)
    announcements: list[Announcement] = field(default_factory=list)
    area_days: list[AreaDayRow] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)

    def count(self, increments: Mapping[str, int]) -> None:
        for name, n in increments.items():
            self.counters[name] = self.counters.get(name, 0) + n


class Trace(Protocol):
    """Looks on while an area is judged (for `explain`): gets what was seen, changes nothing."""

    def interval(self, area: AreaInProgress, frame: ReadingFrame, seen: Mapping[str, Any]) -> None: ...
    def admitted(
        self, area: AreaInProgress, interval_start_s: int, fate: Mapping[str, str], late: list[tuple[int, float]]
    ) -> None: ...
    def day_closed(self, area: AreaInProgress, ordinal: int, signals: Sequence[Signal], verdict: Verdict) -> None: ...


class _Part(Protocol):
    """What an area remembers by pages of its own."""

    @property
    def name(self) -> str: ...
    def dump_dirty(self) -> dict[str, bytes]: ...
    def load(self, pages: dict[str, bytes]) -> None: ...


@dataclass(slots=True)
class HourInProgress:
    """Sums over the balanced intervals of one clock hour (kWh)."""

    start_s: int = 0
    supplied_kwh: float = 0.0
    metered_kwh: float = 0.0
    balanced: int = 0
    intervals: int = 0
    suspected: bool = False


class DayInProgress:
    """One local day of one area: curves by the hour, validation's counts, the day's strongest evidence, shape (codes, meters)."""

    def __init__(self, context: AreaContext) -> None:
        meters = len(context.area)
        self.curves = DayCurves(context)
        self.readings = DayReadings(meters)
        self.strength = np.full((len(CODES), meters), np.nan, dtype=np.float32)
        self.suspected = np.zeros(meters, dtype=np.bool_)
        #: whom an open alert of the whole area explains, by the catalogue's word for it (`alerts/consequences.py`)
        self.explained: dict[str, NDArray[np.bool_]] = {}

    def explain(self, explained: Mapping[str, NDArray[np.bool_]]) -> None:
        """An interval in which the area's own alerts explain what these meters show."""
        for cause, rows in explained.items():
            self.explained[cause] = rows | self.explained.get(cause, np.False_)

    @property
    def unweighed(self) -> NDArray[np.bool_]:
        """(meters,) whose day says nothing of them."""
        return np.asarray(np.any([np.zeros_like(self.suspected), *self.explained.values()], axis=0))


class AreaInProgress:
    """Everything that is remembered of one area between two messages; saved as pages, restored from them."""

    def __init__(self, archive: Archive, area: Area, thresholds: Thresholds) -> None:
        self.area = area
        self.archive = archive
        self.grid = IntervalGrid(archive.calendar, archive.interval_minutes)
        self.context = AreaContext(area, archive.interval_minutes, archive.calendar, archive.holidays)
        self.interval_detectors: list[IntervalDetector] = interval_detectors(self.context, thresholds)
        self.lost_voltage = lost_voltage(self.interval_detectors)
        self.area_outage = area_outage(self.context, self.interval_detectors, thresholds)
        self.profile = expected_profile(self.context, thresholds)
        self.hour_detectors: list[HourDetector] = hour_detectors(self.context, thresholds)
        self.siblings = SiblingTotals(self.context, SiblingTotalsParams())
        self.day_bank = DayBank(self.context)
        self.case_probability = case_probability(self.context, thresholds)
        self.day_area = day_area(self.context, thresholds)
        self.load_forecast = load_forecast(self.context, thresholds)
        self.validation = validation_rules(self.context, thresholds)
        self.frequent_outage = frequent_outage(self.context, thresholds)
        self.downstream_prices = downstream_prices(self.context, thresholds)
        self.meter_errors = meter_errors(self.context, thresholds)
        self.recoverable = Recoverable(self.context)
        self.bank = AlertBank(area, archive.calendar)
        self.consequences = Consequences(area)
        self.announcer = Announcer()
        self.open: dict[int, OpenInterval] = {}
        self.closed_until_s = 0
        self.next_day: int | None = None
        self.days: dict[int, DayInProgress] = {}
        self.hour = HourInProgress()
        self.findings: list[Finding] = []
        self.undone: list[str] = []
        #: said since the last day that closed; and what stands, by id
        self.dismissed: list[Dismissal] = []
        self.dismissals: dict[str, Dismissal] = {}
        self.silences: dict[str, Silence] = {}
        #: (row, code, whether it says that it is over) -> when the meter last said so
        self.last_events: dict[tuple[int, str, bool], int] = {}
        self._suspected_page = self.bank.suspicions.dump()
        self._dirty: set[str] = set()

    @property
    def name(self) -> str:
        return self.area.transformer_area

    def expected_kwh(self, frame: ReadingFrame) -> NDArray[np.float64]:
        """What the meters' own profiles expect of this interval, (meters,) kWh; NaN where nothing is learnt yet."""
        return self.profile.expected_kwh(frame)

    @property
    def detectors(self) -> list[IntervalDetector | HourDetector | SeasonalProfile | SiblingTotals]:
        """Everything that learns and is saved by its name."""
        return [*self.interval_detectors, self.profile, *self.hour_detectors, self.siblings]

    def day(self, ordinal: int) -> DayInProgress:
        day = self.days.get(ordinal)
        if day is None:
            day = self.days[ordinal] = DayInProgress(self.context)
        self.touch(day_page(ordinal))
        return day

    def forget_day(self, ordinal: int) -> DayInProgress:
        """The day as it was added up, for its close; an empty one where nothing was heard of it."""
        day = self.days.pop(ordinal, None) or DayInProgress(self.context)
        self.touch(day_page(ordinal))
        self._dirty |= {f"{_curves_owner(ordinal)}/{page}" for page in day.curves.pages_used()}
        return day

    def hear_people(self, at_s: int) -> None:
        """Weigh the meters by what people said of them from the office, up to `at_s`."""
        days_ago = np.full(len(self.area), np.nan)
        for said in self.dismissals.values():
            row = self.area.row_of.get(said.meter_id or "")
            if said.teaches and row is not None:
                days_ago[row] = np.fmin(days_ago[row], max(at_s - said.said_at_s, 0) / DAY_S)
        self.case_probability.hear(days_ago)

    def touch(self, page: str) -> None:
        self._dirty.add(page)

    # --- pages

    def dirty_pages(self) -> dict[str, bytes]:
        """Pages changed since the last call."""
        pages: dict[str, bytes] = {}
        if self.bank.take_alerts_changed():
            self._dirty.add("alerts")
        self._look_for_suspicions()
        for page in sorted(self._dirty):
            pages[page] = self._page(page)
        self._dirty.clear()
        for part in self._parts:
            for page, content in part.dump_dirty().items():
                pages[f"{part.name}/{page}"] = content
        for ordinal, day in self.days.items():
            for page, content in day.curves.dump_dirty().items():
                pages[f"{_curves_owner(ordinal)}/{page}"] = content
        return pages

    def _look_for_suspicions(self) -> None:
        suspected = self.bank.suspicions.dump()
        if suspected != self._suspected_page:
            self._suspected_page = suspected
            self._dirty.add(SUSPECTED_PAGE)

    @property
    def _parts(self) -> tuple[_Part, ...]:
        return (
            *self.detectors,
            self.area_outage,
            self.day_bank,
            self.case_probability,
            self.day_area,
            self.meter_errors,
            self.load_forecast,
            self.validation,
            self.recoverable,
        )

    def _page(self, page: str) -> bytes:
        if page == "progress":
            return self._progress_page()
        if page == "bank":
            return _small(pack_arrays(SCHEMA, self.bank.arrays()))
        if page == "alerts":
            return _small(alerts_json(self.bank.alerts()).encode())
        if page == "announcer":
            return self.announcer.dump()
        if page == SUSPECTED_PAGE:
            return self._suspected_page
        if "/" in page:
            return b""  # of a day's curves that is closed
        begun = next((o for o in self.days if day_page(o) == page), None)
        return b"" if begun is None else _day_page(begun, self.days[begun])

    def _progress_page(self) -> bytes:
        arrays: dict[str, NDArray[Any]] = {}
        for start_s, interval in self.open.items():
            arrays[f"open/{start_s}/received"] = interval.received
            arrays |= {f"open/{start_s}/{name}": values for name, values in interval.columns.items()}
        story = {
            "meters": list(self.area.meter_ids),
            "codes": list(CODES),
            "closed_until_s": self.closed_until_s,
            "next_day": self.next_day,
            "hour": asdict(self.hour),
            "findings": [asdict(f) for f in self.findings],
            "undone": self.undone,
            "dismissed": [asdict(d) for d in self.dismissed],
            "dismissals": [asdict(d) for d in self.dismissals.values()],
            "silences": [asdict(s) for s in self.silences.values()],
            "last_events": [[*key, at_s] for key, at_s in self.last_events.items()],
        }
        arrays["story"] = np.frombuffer(json.dumps(story).encode(), dtype=np.uint8)
        return pack_arrays(SCHEMA, arrays)

    def restore(self, pages: Mapping[str, bytes]) -> None:
        """Continue from saved pages. Raises `StoreError` where they were saved for other meters or another catalogue."""
        held: dict[str, dict[str, bytes]] = {}
        for page, content in pages.items():
            owner, slash, rest = page.partition("/")
            if slash:
                held.setdefault(owner, {})[rest] = content
        if "progress" in pages:
            self._restore_progress(pages["progress"])
        for part in self._parts:
            if part.name in held:
                part.load(held[part.name])
        if "bank" in pages:
            written = json.loads(zlib.decompress(pages["alerts"])) if "alerts" in pages else ()
            alerts = [alert_of(row) for row in written]
            self.bank.restore(unpack_arrays(SCHEMA, zlib.decompress(pages["bank"])), alerts)
            self.bank.take_alerts_changed()
        if SUSPECTED_PAGE in pages:
            self._suspected_page = pages[SUSPECTED_PAGE]
            self.bank.suspicions.load(self._suspected_page)
        if "announcer" in pages:
            self.announcer.load(pages["announcer"])
        self.hear_people(self.closed_until_s)
        for page, content in pages.items():
            if page.startswith("day.") and content:
                ordinal, day = _day_of(self.context, content)
                curves = {p: c for p, c in held.get(_curves_owner(ordinal), {}).items() if c}
                if curves:
                    day.curves.load(curves)
                self.days[ordinal] = day

    def _restore_progress(self, page: bytes) -> None:
        arrays = unpack_arrays(SCHEMA, page)
        story = json.loads(arrays.pop("story").tobytes())
        if tuple(story["meters"]) != self.area.meter_ids or tuple(story["codes"]) != CODES:
            raise StoreError(
                f"the state of area {self.name} was saved for other meters or another catalogue; "
                f"learn it anew with `meterwatch state reset {self.name}`"
            )
        for path, values in arrays.items():
            _, start, column = path.split("/", 2)
            interval = self.open.setdefault(int(start), OpenInterval({}, np.zeros(0, dtype=np.bool_)))
            if column == "received":
                interval.received = values
            else:
                interval.columns[column] = values
        self.closed_until_s = story["closed_until_s"]
        self.next_day = story["next_day"]
        self.hour = HourInProgress(**story["hour"])
        self.findings = [Finding(**row) for row in story["findings"]]
        self.undone = story["undone"]
        self.dismissed = [dismissal_of(row) for row in story.get("dismissed", ())]
        self.dismissals = {row["dismissal_id"]: dismissal_of(row) for row in story.get("dismissals", ())}
        self.silences = {row["silence_id"]: silence_of(row) for row in story["silences"]}
        self.last_events = {(row, code, is_over): at_s for row, code, is_over, at_s in story["last_events"]}


def day_ordinal(day: date) -> int:
    return day.toordinal()


def day_page(ordinal: int) -> str:
    """At most two days are begun at any time: the one that waits for its close, and the one it is."""
    return f"day.{ordinal % 2}"


def _curves_owner(ordinal: int) -> str:
    return f"curves.{ordinal % 2}"


def _day_page(ordinal: int, day: DayInProgress) -> bytes:
    arrays: dict[str, NDArray[Any]] = {
        "ordinal": np.array([ordinal]),
        **{f"readings/{name}": values for name, values in day.readings.arrays().items()},
        "strength": day.strength,
        "suspected": day.suspected,
        **{f"explained/{cause}": rows for cause, rows in day.explained.items()},
    }
    return _small(pack_arrays(SCHEMA, arrays))


def _small(page: bytes) -> bytes:
    """Mostly zeros, or sentences that are alike: a tenth of the size or less for a few microseconds."""
    return zlib.compress(page, 1)


def _day_of(context: AreaContext, page: bytes) -> tuple[int, DayInProgress]:
    arrays = unpack_arrays(SCHEMA, zlib.decompress(page))
    day = DayInProgress(context)
    day.strength, day.suspected = arrays["strength"], arrays["suspected"]
    day.explained = _under("explained/", arrays)
    day.readings.restore(_under("readings/", arrays))
    return int(arrays["ordinal"][0]), day


def _under(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): values for name, values in arrays.items() if name.startswith(prefix)}


_ALERT_FIELDS, _REASON_FIELDS, _WORTH_FIELDS = (
    tuple(each.name for each in fields(kind)) for kind in (Alert, Reason, Worth)
)


def alerts_json(alerts: Iterable[Alert]) -> str:
    """Alerts as they are written down; `alert_of` reads each. `asdict` copies every tuple deeply: it costs ten times as much."""
    return f"[{', '.join(map(_alert_json, alerts))}]"


def _alert_json(alert: Alert) -> str:
    row = {name: getattr(alert, name) for name in _ALERT_FIELDS if name != "reasons"}
    if alert.worth is not None:
        row["worth"] = {name: getattr(alert.worth, name) for name in _WORTH_FIELDS}
    return f'{json.dumps(row)[:-1]}, "reasons": {_reasons_json(alert.reasons)}}}'


@lru_cache(maxsize=1_000)  # they stay while worth and energy at stake change every day, and are most of the text
def _reasons_json(reasons: tuple[Reason, ...]) -> str:
    return json.dumps([{name: getattr(reason, name) for name in _REASON_FIELDS} for reason in reasons])


def alert_of(row: dict[str, Any]) -> Alert:
    row["state"] = AlertState(row["state"])
    row["reasons"] = tuple(Reason(**r) for r in row["reasons"])
    row["unjudged"] = tuple((int(at), float(kwh)) for at, kwh in row["unjudged"])
    row["relapses"] = tuple((int(ended_s), int(again_s)) for ended_s, again_s in row.get("relapses", ()))
    row["worth"] = None if row.get("worth") is None else Worth(**row["worth"])
    return Alert(**row)
