"""A simulated feed that is lived through anew instead of read: what a visit changes shows in its readings from then on.

The same recipe gives the same readings as the file holds, so as long as nothing is changed a living feed and its folder are one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from metering.archive import Archive, Area
from metering.errors import FeedError
from metering.messages import Finding, MeterEvent
from simulator.feed import Feed
from simulator.feed_readings import ReadingBatch
from simulator.province import Province
from simulator.recipe import RECIPE_FILE, Recipe
from simulator.stream import ProvinceStream


class LivingFeed:
    """Stands for a `Feed` towards `publication`; its readings come once, in order, simulated as they are asked for.

    The simulation runs up to two windows (of at most a local day) ahead of the readings handed out: what shall change
    must lie two days ahead. `endless`: it goes on with new days, cases and benign life after the recipe's days.
    Raises `FeedError` for a feed that was not made by `simulate`, or by another version of it.
    """

    def __init__(self, feed: Feed, *, endless: bool = False) -> None:
        recipe = Recipe.read(feed.folder)
        if recipe is None:
            raise FeedError(
                f"{feed.folder} has no {RECIPE_FILE} of this version of the simulator: only a feed made by `simulate` "
                "can be lived on; make it again"
            )
        self.folder = feed.folder
        self._feed = feed
        self.province = Province(recipe)
        self._stream = ProvinceStream(self.province, endless=endless)
        self._told = len(self.province.events)

    @property
    def archive(self) -> Archive:
        """As the folder tells it."""
        return self._feed.archive

    def readings(self) -> Iterator[ReadingBatch]:
        """Readings in order of arrival, a window at a time; may be asked for once."""
        names = self._stream.meter_names
        for arrived in self._stream.arrivals():
            if len(arrived.start_s):
                columns = {name: np.asarray(values) for name, values in arrived.columns.items()}
                yield ReadingBatch(arrived.start_s, arrived.codes.astype(np.int32), names, columns)

    def area(self, transformer_area: str) -> Area:
        return self._feed.area(transformer_area)

    def area_of(self, meter_id: str, epoch_s: int) -> str:
        return self._feed.area_of(meter_id, epoch_s)

    def events(self) -> Iterator[MeterEvent]:
        return iter(self.province.events[: self._told])

    def later_events(self) -> Sequence[MeterEvent]:
        """Events that became known since the last call, because the province was lived on."""
        later = self.province.events[self._told :]
        self._told += len(later)
        return later

    def findings(self) -> list[Finding]:
        return self._feed.findings()
