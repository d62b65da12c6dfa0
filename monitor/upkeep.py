"""What goes on beside the log: closing days, delivering points, relaying people's moves, annotating alerts."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from alerts.routes import Routes
from grafana.annotate import AlertAnnotations
from grafana.client import GrafanaRefused
from inspection.capacity import Capacity
from metering.archive import Archive
from metering.errors import MeterwatchError, StoreUnavailable
from metering.ports import StateStore, TimeSeries
from metering.times import DAY_S, LocalCalendar
from monitor.delivery import Deliveries
from monitor.notify_plan import Plan
from monitor.pipeline import PipelineReport
from monitor.ticker import LEASE as TICKER_LEASE
from monitor.ticker import Ticker
from operations import close_day, deliver_points, dispatch
from operations.deliver_notifications import Channel
from operations.dispatch import clock_of, dispatch_ready
from operations.outside_alerts import announce_outside_alerts

log = logging.getLogger("meterwatch.upkeep")
FIRST_RETRY_S, LAST_RETRY_S = 0.5, 10.0
RELAY_AT_ONCE = 100
ANNOTATE_LEASE, ANNOTATE_LEASE_S = "annotations", 30.0
ANNOTATE_EVERY_S = 10.0
TIDY_LEASE, TIDY_EVERY_S = "housekeeping", 3_600.0
ANNOTATE_AGAIN_AFTER_REFUSAL_S = 300.0

#: Puts one message (area, wire bytes) onto the log and returns once the log has it.
Relay = Callable[[str, bytes], None]


@dataclass(slots=True)
class Upkeep:
    """One round does all that is due; where one store is away, the rest goes on and that part is tried again.

    Several workers may run it: leases in the store let one at a time close days and deliver points.
    """

    store: StateStore
    archive: Archive
    partitions: int
    owner: str
    series: TimeSeries | None = None
    relay: Relay | None = None
    annotations: AlertAnnotations | None = None
    report: PipelineReport | None = None
    ticker: Ticker | None = None
    day_close_deadline_s: float | None = None
    capacity: Capacity | None = None
    routes: Routes = field(default_factory=Routes)
    channels: tuple[Channel, ...] = field(default_factory=lambda: Plan().channels(LocalCalendar("UTC")))
    """Whom the outbox of notifications is brought to; the desk alone where nothing else is said."""
    notifications_kept_days: int = 400
    """So long after it arrived a notification is kept."""
    tells_only: bool = False
    """Only what was announced is told: for processes that judge nothing, so that a monitor whose judging workers are all gone
    can still say so."""
    points_refused: int = 0
    failing: dict[str, str] = field(default_factory=dict)
    """Which part fails just now, and why: shown by the desk and the log, gone when it works again."""
    failing_since: dict[str, float] = field(default_factory=dict)
    """By failing part, since when (monotonic seconds)."""
    round_ended: float = field(default_factory=time.monotonic)
    """When the last round ended (monotonic seconds)."""
    _annotate_at: float = 0.0
    _tidy_at: float = 0.0
    _retry_at: dict[str, float] = field(default_factory=dict)
    _retry_s: dict[str, float] = field(default_factory=dict)
    _deliveries: Deliveries = field(init=False)

    def __post_init__(self) -> None:
        self._deliveries = Deliveries(self.store, self.channels, self.owner)

    def round(self) -> None:
        if self.ticker is not None:
            self._try("ticker", self.ticker.tick)
        if not self.tells_only:
            self._try("close_day", self.close_days)
        self._try("dispatch", self.dispatch)
        self._try("notifications", self.notify)
        if self.series is not None:
            self._try("points", self.deliver)
            self._try("pipeline", self.report_pipeline)
        self._try("housekeeping", self.tidy)
        if self.relay is not None:
            self._try("relay", self.relay_moves)
        if self.annotations is not None:
            self._try("annotations", self.annotate)
        self.round_ended = time.monotonic()

    def troubles(self) -> dict[str, tuple[float, str]]:
        """By failing part, for how long it has failed (seconds) and why. May be asked from another thread."""
        now = time.monotonic()
        return {part: (now - self.failing_since.get(part, now), why) for part, why in list(self.failing.items())}

    def _fails(self, part: str, why: str) -> None:
        if part not in self.failing:
            log.warning("%s: %s", part, why)
            self.failing_since[part] = time.monotonic()
        self.failing[part] = why

    def _works(self, part: str) -> None:
        if self.failing.pop(part, None) is not None:
            log.info("%s: works again", part)
        self.failing_since.pop(part, None)
        self._retry_s.pop(part, None)

    def _try(self, part: str, act: Callable[[], bool | None]) -> None:
        """Do one part; `False` from it says that it was not its turn, or that it still does not work."""
        if time.monotonic() < self._retry_at.get(part, 0.0):
            return
        try:
            works = act()
        except StoreUnavailable as error:
            self._fails(part, str(error))
            wait_s = self._retry_s.get(part, FIRST_RETRY_S)
            self._retry_at[part] = time.monotonic() + wait_s
            self._retry_s[part] = min(2 * wait_s, LAST_RETRY_S)
        else:
            if works is not False:
                self._works(part)

    def end(self) -> None:
        """Give the leases back, so that the next owner need not wait for them to run out."""
        try:
            for lease in (
                TIDY_LEASE,
                close_day.LEASE,
                deliver_points.LEASE,
                dispatch.LEASE,
                ANNOTATE_LEASE,
                TICKER_LEASE,
            ):
                self.store.release_lease(lease, self.owner)
            self._deliveries.end()
        except StoreUnavailable as error:
            log.warning("the leases run out by themselves: %s", error)

    def close_days(self) -> None:
        for ordinal in close_day.close_ready_days(
            self.store,
            self.archive,
            self.partitions,
            self.owner,
            deadline_s=self.day_close_deadline_s,
            capacity=self.capacity,
        ):
            log.info("closed day %s", ordinal)

    def dispatch(self) -> None:
        """What was announced becomes notifications in the outbox."""
        until_s = clock_of(self.store.marks("judge"), self.partitions)
        if until_s is not None:
            announce_outside_alerts(self.store, until_s)
        dispatch_ready(self.store, self.archive, self.routes, self.partitions, self.owner)

    def notify(self) -> None:
        """The outbox to its channels; each that does not take it is named by itself."""
        self._deliveries.round()
        for channel, trouble in self._deliveries.troubles.items():
            if trouble:
                self._fails(f"notify {channel}", trouble)
            else:
                self._works(f"notify {channel}")

    def deliver(self) -> None:
        if self.series is None:
            return
        while True:
            delivered, refused = deliver_points.deliver_points(self.store, self.series, self.owner)
            self.points_refused += refused
            if not delivered and not refused:
                return

    def report_pipeline(self) -> None:
        """The monitor's own points go straight to the time-series store: what is not delivered is not worth keeping."""
        if self.series is not None and self.report is not None and (points := self.report.points()):
            self.series.write_points(points)

    def relay_moves(self) -> None:
        """Findings and decisions that people made, onto the log of their area; at least once, each with its own id."""
        if self.relay is None:
            return
        for number, area, wire in self.store.relay_batch(RELAY_AT_ONCE):
            self.relay(area, wire)
            self.store.relayed([number])

    def tidy(self) -> bool:
        """Once an hour what nobody needs any more is removed. Alerts, tasks, findings and the audit trail never are."""
        if time.monotonic() < self._tidy_at:
            return False
        self._tidy_at = time.monotonic() + TIDY_EVERY_S
        if not self.store.take_lease(TIDY_LEASE, self.owner, TIDY_EVERY_S / 2):
            return False
        removed = self.store.forget_deliveries(time.time() - self.notifications_kept_days * DAY_S)
        if removed:
            log.info(
                "removed %d notifications that arrived more than %d days ago", removed, self.notifications_kept_days
            )
        return True

    def annotate(self) -> bool:
        """Grafana's annotations follow the alerts. Grafana is a screen: if it refuses, judging goes on, and it is said."""
        if self.annotations is None or time.monotonic() < self._annotate_at:
            return False
        self._annotate_at = time.monotonic() + ANNOTATE_EVERY_S
        if not self.store.take_lease(ANNOTATE_LEASE, self.owner, ANNOTATE_LEASE_S):
            self.annotations.forget()
            self._works("annotations")
            return False
        try:
            self.annotations.bring_up_to_date()
        except GrafanaRefused as error:
            self._fails("annotations", str(error))
            self._annotate_at = time.monotonic() + ANNOTATE_AGAIN_AFTER_REFUSAL_S
            return False
        return True


class UpkeepThread:
    """Runs an upkeep beside an event loop. A store that refuses for good ends it: `failure` then says why, and
    `on_failure` is called, for a worker must not go on as if all were well."""

    def __init__(self, upkeep: Upkeep, *, every_s: float = 0.5, on_failure: Callable[[], None] | None = None) -> None:
        self._upkeep = upkeep
        self._every_s = every_s
        self._on_failure = on_failure
        self._asked = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)
        self.failure: MeterwatchError | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end, and wait until the round under way is over."""
        self._asked.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            while not self._asked.is_set():
                self._upkeep.round()
                self._asked.wait(self._every_s)
            self._upkeep.end()
        except MeterwatchError as error:
            log.exception("upkeep cannot go on")
            self.failure = error
            if self._on_failure is not None:
                self._on_failure()
