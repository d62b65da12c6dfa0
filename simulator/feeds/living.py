"""A simulated feed that is lived through anew instead of read: what a visit changes shows in its readings from then on.

The same recipe gives the same readings as the file holds, so as long as nothing is changed a living feed and its folder are one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from metering.archive import Archive, Area
from metering.errors import FeedError
from metering.messages import Finding, MeterEvent
from metering.times import DAY_S, iso
from metering.truth import TruthCase
from simulator.area_day import AreaWindow, Window
from simulator.feeds.feed import UNKNOWN_AREA, Feed
from simulator.feeds.feed_readings import ReadingBatch
from simulator.people.cases import Interruption, KnownCase, booked_wrongly
from simulator.people.site import SiteReading, SiteReadings
from simulator.province import Province
from simulator.recipe import RECIPE_FILE, Recipe
from simulator.scenarios.case import Case
from simulator.stream import Arrived, ProvinceStream
from simulator.world.bookings import ARCHIVE_ERROR

#: How far energies of the same recipe may differ between kinds of machines.
SAME_KWH, SAME_SHARE = 2e-4, 1e-5
COVERS = frozenset({"cover_open", "terminal_cover_open"})
FOR_GOOD = 2**62


class LivingProvince:
    """A province that is lived through towards `publication`; its readings come once, in order, simulated as they are asked for.

    The simulation runs up to two windows (of at most a local day) ahead of the readings handed out: what is changed must lie
    at or after `open_from_s`. `endless`: it goes on with new days, cases and benign life after the recipe's days.
    """

    def __init__(self, recipe: Recipe, *, endless: bool = False) -> None:
        self.province = Province(recipe)
        self.stream = ProvinceStream(self.province, endless=endless)
        self._arrivals = self.stream.arrivals()
        self._ahead: list[Arrived] = []
        self._handed_out_s = self.province.calendar.day_start(self.province.first_day)
        self._told = 0
        self._waiting: list[MeterEvent] = []
        self._events_until_s = 0
        self._interruptions: list[tuple[Case, Interruption]] = []
        self._sites: dict[tuple[int, int], SiteReadings] = {}

    @property
    def name(self) -> str:
        return self.province.recipe.name

    @property
    def archive(self) -> Archive:
        return self.province.archive

    def readings(self) -> Iterator[ReadingBatch]:
        """Readings in order of arrival, a window or a part of one at a time; may be asked for once."""
        step_s = 60 * self.province.recipe.interval_minutes
        for arrived in chain(self._ahead, self._arrivals):
            self._handed_out_s += step_s * arrived.intervals
            for key in [k for k in list(self._sites) if k[1] < self._handed_out_s - 2 * DAY_S]:
                del self._sites[key]
            if len(arrived.start_s):
                yield self._batch(arrived)
        self._handed_out_s = FOR_GOOD

    def _batch(self, arrived: Arrived) -> ReadingBatch:
        columns = {name: np.asarray(values) for name, values in arrived.columns.items()}
        return ReadingBatch(arrived.start_s, arrived.codes.astype(np.int32), self.stream.meter_names, columns)

    def area(self, transformer_area: str) -> Area:
        area = self.archive.areas.get(transformer_area)
        if area is None:
            raise FeedError(f"{self.name}: no area {transformer_area!r}")
        return area

    def area_of(self, meter_id: str, epoch_s: int) -> str:
        """The area of a meter at a time; `UNKNOWN_AREA` for a meter that the archive does not know."""
        return self.archive.area_of(meter_id, epoch_s) or UNKNOWN_AREA

    def findings(self) -> list[Finding]:
        """None: whoever lives in the province finds them."""
        return []

    # --- events, which a case that is interrupted does not cause

    def events(self) -> Iterator[MeterEvent]:
        """None beforehand: see `later_events`."""
        return iter(())

    def later_events(self) -> Sequence[MeterEvent]:
        """Events of the time whose readings were handed out since the last call."""
        new = self.province.events[self._told :]
        if not new and self._events_until_s == self._handed_out_s:
            return ()
        self._told += len(new)
        self._events_until_s = self._handed_out_s
        known = [*self._waiting, *new]
        self._waiting = [e for e in known if e.event_time_s >= self._events_until_s]
        due = [e for e in known if e.event_time_s < self._events_until_s]
        if self._interruptions:
            unsaid = self._unsaid()
            due = [e for e in due if e not in unsaid]
        return sorted(due, key=lambda e: e.event_time_s)

    def _unsaid(self) -> set[MeterEvent]:
        return {e for case, i in self._interruptions for e in case.events() if i.covers(e.event_time_s)}

    # --- what people see of it, and change

    @property
    def truth(self) -> list[TruthCase]:
        return [case.truth for case in self.province.cases]

    def known_cases(self) -> list[KnownCase]:
        """The truth with what a visit depends on, by the province itself, in the order of truth.csv; then who is booked wrongly."""
        cases = sorted(self.province.cases, key=lambda c: (c.start_s, c.place.meter.meter_id))
        known = [KnownCase(c.truth, c.hidden, any(e.code in COVERS for e in c.events())) for c in cases]
        return known + [
            booked_wrongly(c.meter_id, c.start_s) for c in self.province.changes() if c.kind == ARCHIVE_ERROR
        ]

    @property
    def open_from_s(self) -> int:
        """The first moment that is not simulated yet."""
        return self.province.simulated_until_s

    def interrupt(self, interruption: Interruption) -> None:
        """A case ends or rests for a while, and so do its events; a relapse reports what the onset reported."""
        known = interruption.case
        asked = (known.meter_id, known.abnormality, known.start_s)
        case = next(
            (c for c in self.province.cases if (c.place.meter.meter_id, c.abnormality, c.start_s) == asked), None
        )
        if case is None:
            raise FeedError(
                f"{self.name}: its recipe has no {known.abnormality} at {known.meter_id} from {iso(known.start_s)} on"
            )
        until_s = FOR_GOOD if interruption.until_s is None else interruption.until_s
        self.province.interrupt(case, interruption.from_s, until_s)
        self._interruptions.append((case, interruption))
        if interruption.why == "rectified" and interruption.until_s is not None:
            self._waiting += [
                MeterEvent(e.meter_id, until_s + e.event_time_s - case.start_s, e.code)
                for e in case.events()
                if case.start_s <= e.event_time_s < case.start_s + DAY_S
            ]

    def watch_sites(self) -> None:
        """Keep what a crew would read at the meters, for about a day; to be asked before the first reading is."""
        self.stream.lived = self._keep_site

    def _keep_site(self, area: int, window: Window, lived: AreaWindow) -> None:
        found = SiteReadings.of(self.province.worlds[area].network, window, lived)
        if found is not None:
            self._sites[area, int(window.start_s[0])] = found

    def site(self, meter_id: str, at_s: int) -> SiteReading | None:
        """What instruments and the meter show at a time of the last day whose readings were handed out."""
        names, codes = self.province.codes.names, self.province.codes.of(np.array([at_s]))[0]
        row = next((r for r, code in enumerate(codes.tolist()) if code >= 0 and names[code] == meter_id), None)
        if row is None:
            return None
        for world in self.province.worlds:
            if row < len(world.meters):
                break
            row -= len(world.meters)
        kept = (s.at(row, at_s) for (area, _), s in list(self._sites.items()) if area == world.number)
        return next((reading for reading in kept if reading is not None), None)


class LivingFeed(LivingProvince):
    """Stands for a `Feed` towards `publication`, lived through instead of read.

    Raises `FeedError` for a feed that was not made by `simulate`, or by another version of it.
    """

    def __init__(self, feed: Feed, *, endless: bool = False) -> None:
        recipe = Recipe.read(feed.folder)
        if recipe is None:
            raise FeedError(
                f"{feed.folder} has no {RECIPE_FILE} of this version of the simulator: only a feed made by `simulate` "
                "can be lived on; make it again"
            )
        super().__init__(recipe, endless=endless)
        self.folder = feed.folder
        self._feed = feed

    @property
    def name(self) -> str:
        return str(self.folder)

    @property
    def archive(self) -> Archive:
        """As the folder tells it."""
        return self._feed.archive

    def findings(self) -> list[Finding]:
        return self._feed.findings()

    def unlike_its_folder(self) -> str | None:
        """What is different between the first readings of the recipe and of the folder; None where nothing is.

        Looks one window ahead; to be asked before the first reading is.
        """
        first = next((a for a in self._ahead_of_all() if len(a.start_s)), None)
        if first is None:
            return None
        lived, rows = self._batch(first), len(first.start_s)
        at = 0
        for read in self._feed.readings():
            part = slice(at, min(at + len(read), rows))
            taken = part.stop - part.start
            theirs = [read.meter_names[code] for code in read.meter_codes[:taken].tolist()]
            ours = [lived.meter_names[code] for code in lived.meter_codes[part].tolist()]
            same = theirs == ours and np.array_equal(read.times_s[:taken], lived.times_s[part])
            kwh, wanted_kwh = read.columns["energy_kwh"][:taken], lived.columns["energy_kwh"][part]
            if not same or not np.allclose(kwh, wanted_kwh, rtol=SAME_SHARE, atol=SAME_KWH, equal_nan=True):
                return f"the first readings of {self._feed.readings_file.path.name} are not those of its recipe"
            at = part.stop
            if at == rows:
                return None
        return f"{self._feed.readings_file.path.name} ends after {at} readings, which its recipe does not"

    def _ahead_of_all(self) -> Iterator[Arrived]:
        for arrived in self._arrivals:
            self._ahead.append(arrived)
            yield arrived
