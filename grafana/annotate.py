"""Keeping Grafana's regions in line with the alerts of the store, over outages of either, deletions and a Grafana that forgot all.

What is wanted is worked out from the store, what is there is read from Grafana now and then, and the difference is written, so
many changes at a time. So nothing is lost while Grafana is away, and nothing floods it when it is back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from grafana.client import MOST_LISTED, Drawn
from grafana.regions import OPEN, Region, regions_of, watch_region
from metering.alert import Alert, AlertState
from metering.announcement import Announcement
from metering.handling import AlertPage, AlertQuery, order_value
from metering.ports import PartitionMark, Role
from metering.times import DAY_S
from metering.watch import WatchStanding

#: What ended longer ago (event time) is not looked at again, unless Grafana still shows it open.
RECENT_S = 7 * DAY_S
#: Grafana is read, and alerts that ended are looked through, at the start, after a failure and every so often (seconds).
RECONCILE_EVERY_S = 600.0
#: Changes in one round, and open alerts kept up: the newest.
WRITES_AT_ONCE, OPEN_AT_MOST = 100, 5_000
_PAGE, _LOOKED_UP = 500, 500


class AlertSource(Protocol):
    """The part of `metering.ports.StateStore` that is needed here."""

    def alert(self, alert_id: str) -> Alert | None: ...
    def alert_page(self, query: AlertQuery) -> AlertPage: ...
    def announcements(self, alert_id: str) -> Sequence[Announcement]: ...
    def marks(self, role: Role) -> Sequence[PartitionMark]: ...
    def watch_standings(self) -> Sequence[WatchStanding]: ...


class Canvas(Protocol):
    """`grafana.client.AnnotationClient`."""

    def drawn(self, *tags: str, since_s: int = 0) -> Sequence[Drawn]: ...
    def draw(self, region: Region) -> int: ...
    def move(self, annotation_id: int, region: Region) -> bool: ...
    def remove(self, annotation_id: int) -> bool: ...


@dataclass(slots=True)
class _Change:
    region: Region
    there: Drawn | None
    alert: Alert | None

    @property
    def order(self) -> tuple[int, int]:
        """What ended first, then what is new, then what only reaches further; the newest first."""
        ends, is_new = not self.region.is_open, self.there is None
        return (0 if ends else 1 if is_new else 2, -self.region.begins_s)


class AlertAnnotations:
    """Draws what changed; called on a timer, by one process at a time, away from the judging.

    It keeps only what it knows Grafana to have, and reads that again whenever it may be wrong. `desk_url` is where a region's
    text leads to.
    """

    def __init__(
        self,
        source: AlertSource,
        canvas: Canvas,
        *,
        desk_url: str = "",
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._source, self._canvas = source, canvas
        self._desk_url = desk_url.rstrip("/")
        self._monotonic, self._now = monotonic, now
        self._there: dict[str, Drawn] = {}
        self._read_at: float | None = None
        self._all_read = False
        self._looks_back = True
        self.behind = 0
        """Changes that wait for the next rounds."""

    def forget(self) -> None:
        """Somebody else writes now: what is there is read again before this process writes."""
        self._read_at = None

    def bring_up_to_date(self) -> int:
        """Write what changed, so many at a time; returns how many. Raises `StoreUnavailable` where the rest is worth trying
        again at the next call, and `StoreError` where it is not; what was written until then stays written."""
        clock_s = max((mark.clock_s for mark in self._source.marks("judge")), default=0)
        try:
            if self._read_at is None or self._monotonic() - self._read_at >= RECONCILE_EVERY_S:
                self._read(clock_s)
            changes = sorted(self._changes(clock_s), key=lambda change: change.order)
            for change in changes[:WRITES_AT_ONCE]:
                self._write(change, clock_s)
        except Exception:
            self.forget()
            raise
        self.behind = max(0, len(changes) - WRITES_AT_ONCE)
        self._looks_back = self.behind > 0
        return min(len(changes), WRITES_AT_ONCE)

    def _read(self, clock_s: int) -> None:
        """What Grafana has: everything it shows open, and what is recent. Of doubles the oldest stays."""
        shown_open, recent = self._canvas.drawn(OPEN), self._canvas.drawn(since_s=max(0, clock_s - RECENT_S))
        listed = {drawn.annotation_id: drawn for drawn in (*shown_open, *recent)}
        there: dict[str, Drawn] = {}
        for annotation_id in sorted(listed):
            drawn = listed[annotation_id]
            if there.setdefault(drawn.key, drawn) is not drawn:
                self._canvas.remove(annotation_id)
        self._there = there
        self._all_read = max(len(shown_open), len(recent)) < MOST_LISTED
        self._read_at = self._monotonic()
        self._looks_back = True

    def _changes(self, clock_s: int) -> Iterator[_Change]:
        seen: set[str] = set()
        for alert in self._wanted(clock_s):
            if alert.alert_id in seen:
                continue
            seen.add(alert.alert_id)
            for region in regions_of(alert, clock_s, desk_url=self._desk_url):
                yield from self._change(region, clock_s, alert)
        for standing in self._source.watch_standings():
            own = watch_region(standing, self._now(), desk_url=self._desk_url)
            if own is not None:
                yield from self._change(own, int(self._now()), None)

    def _change(self, region: Region, clock_s: int, alert: Alert | None) -> Iterator[_Change]:
        there = self._there.get(region.key)
        is_past = there is None and not region.is_open and region.ends_s < clock_s - RECENT_S
        if not is_past and (there is None or not there.shows(region)):
            yield _Change(region, there, alert)

    def _wanted(self, clock_s: int) -> Iterator[Alert]:
        """The newest open alerts; those that Grafana shows open and that are not; now and then those raised lately."""
        open_now = list(self._pages(AlertQuery(states=(AlertState.RAISED,), limit=_PAGE), OPEN_AT_MOST))
        yield from open_now
        numbers = {alert.alert_id for alert in open_now}
        # beyond the newest, what is older than the last of them may well be open
        from_s = open_now[-1].raised_at_s if len(open_now) >= OPEN_AT_MOST and not self._looks_back else 0
        shown_open = {
            key.rpartition("/")[0]
            for key, drawn in self._there.items()
            if OPEN in drawn.tags and drawn.begins_s >= from_s
        }
        for number in sorted(shown_open - numbers)[:_LOOKED_UP]:
            if (ended := self._source.alert(number)) is not None:
                yield ended
        if self._looks_back:
            yield from self._pages(AlertQuery(since_s=max(0, clock_s - RECENT_S), limit=_PAGE), OPEN_AT_MOST)

    def _pages(self, query: AlertQuery, at_most: int) -> Iterator[Alert]:
        given, after = 0, None
        while given < at_most:
            page = self._source.alert_page(
                AlertQuery(states=query.states, since_s=query.since_s, limit=query.limit, after=after)
            )
            for row in page.rows:
                yield row.alert
            given += len(page.rows)
            if not page.more or not page.rows:
                return
            last = page.rows[-1].alert
            after = (order_value(last, query.order), last.alert_id)

    def _write(self, change: _Change, clock_s: int) -> None:
        region = self._told(change, clock_s)
        there = change.there or self._unread(region, clock_s)
        if there is not None and self._canvas.move(there.annotation_id, region):
            number = there.annotation_id
        else:
            number = self._canvas.draw(region)
        self._there[region.key] = Drawn(number, region.key, region.begins_s, region.ends_s, frozenset(region.tags))

    def _unread(self, region: Region, clock_s: int) -> Drawn | None:
        """What Grafana may have of a region though it was not read: there were too many, or it began long ago."""
        if self._all_read and region.begins_s >= clock_s - RECENT_S:
            return None
        found = self._canvas.drawn(f"alert:{region.alert_id}")
        return next((drawn for drawn in found if drawn.key == region.key), None)

    def _told(self, change: _Change, clock_s: int) -> Region:
        """The region with whether anybody is told of it: asked only for what is written."""
        if change.alert is None:
            return change.region
        said = self._source.announcements(change.alert.alert_id)
        found = regions_of(change.alert, clock_s, desk_url=self._desk_url, said=said)
        return next(region for region in found if region.key == change.region.key)
