"""Where the CPU time of a process goes: the stages' functions, timed from outside, so that the product pays nothing.

Every thread has its own CPU clock; a stage inside another takes its time away from the outer one, so the shares add up.
What no stage claims (event loop, Kafka client, threads that are not Python's) is the difference to the process's clock.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from detectors.bank import ALL_DETECTORS

Mark = Literal["", "begin", "end"]
PRODUCT = frozenset({"detectors", "alerts", "operations", "storage", "streams", "simulator", "monitor"})

#: Stages in the order of a reading's way.
STAGES = (
    "read feed",
    "encode frames",
    "decode",
    "admit",
    "score",
    "learn",
    "alerts",
    "days",
    "judge, the rest",
    "encode pages",
    "write SQL",
    "write series",
)


NATIVE = "DuckDB and Arrow threads"


@dataclass(frozen=True, slots=True)
class StagePoint:
    """A function of the product where it is defined, ``module:name`` or ``module:Class.name``, and the stage its CPU
    time belongs to.

    The first call of a point marked `begin` opens the process's window, the last return of one marked `end` closes it.
    """

    place: str
    stage: str
    mark: Mark = ""
    iterates: bool = False


def stage_points() -> tuple[StagePoint, ...]:
    """Every timed function. A detector that joins the bank is timed without being named here."""
    # what weighs whole days has no `score`: it is timed with the day
    kinds = [kind for kind, _ in ALL_DETECTORS if hasattr(kind, "score")]
    detectors = [f"{kind.__module__}:{kind.__qualname__}" for kind in kinds]
    return (
        StagePoint("simulator.feeds.publication:publication", "read feed", "begin", iterates=True),
        StagePoint("streams.publisher:KafkaPublisher.flush", "encode frames", "end"),
        StagePoint("streams.codecs:encode", "encode frames"),
        StagePoint("streams.codecs:decode", "decode", "begin"),
        StagePoint("operations.admission:screen", "admit"),
        StagePoint("operations.admission:take_in", "admit"),
        StagePoint("operations.admission:late_rows", "admit"),
        StagePoint("operations.archive_stage:ArchiveStage.handle", "admit"),
        StagePoint("operations.area:AreaInProgress.expected_kwh", "score"),
        *(StagePoint(f"{place}.score", "score") for place in detectors),
        *(StagePoint(f"{place}.learn", "learn") for place in detectors),
        *(
            StagePoint(f"alerts.life:AlertBank.{name}", "alerts")
            for name in ("step", "report", "found", "amend", "at_day_close", "suspected")
        ),
        StagePoint("detectors.day.curves:DayCurves.add", "days"),
        StagePoint("operations.close_area_day:close_area_day", "days"),
        StagePoint("operations.close_day:close_day", "days"),
        StagePoint("operations.judge_stage:JudgeStage.handle", "judge, the rest"),
        StagePoint("operations.area:AreaInProgress.dirty_pages", "encode pages"),
        StagePoint("storage.sql:SqlStore.save", "write SQL", "end"),
        StagePoint("storage.sql:SqlStore.close_day", "write SQL", "end"),
        StagePoint("storage.sql:SqlStore.points_delivered", "write SQL", "end"),
        *(
            StagePoint(f"storage.sql:SqlStore.{name}", "write SQL")
            for name in (
                "begin_partition",
                "load_pages",
                "load_model_pages",
                "marks",
                "take_lease",
                "days_waiting",
                "point_batches",
                "relay_batch",
            )
        ),
        *(
            StagePoint(f"{series}.{name}", "write series")
            for series in ("storage.duckdb_series:DuckDbTimeSeries", "storage.influx_series:InfluxTimeSeries")
            for name in ("write_points", "write_readings")
        ),
        # the writer thread's part: the HTTP client
        StagePoint("influxdb_client.client.write_api:WriteApi.write", "write series"),
    )


@dataclass(slots=True)
class _Ledger:
    """One thread's account."""

    spent_ns: dict[str, int] = field(default_factory=dict)
    inside: list[str] = field(default_factory=list)
    since_ns: int = 0
    calls: int = 0


@dataclass(frozen=True, slots=True)
class Moment:
    """`wall_s` is the machine's monotonic clock (the same in all its processes), `cpu_s` this process's CPU time, `queued_s`
    the time its threads were ready to run and had no core."""

    wall_s: float
    cpu_s: float
    queued_s: float

    @classmethod
    def now(cls) -> Moment:
        return cls(time.monotonic(), time.process_time(), queued_s())


class StageClock:
    """Counts CPU time by stage over all threads that call a timed function."""

    def __init__(self) -> None:
        self._local = threading.local()
        self._ledgers: list[_Ledger] = []
        self.first: Moment | None = None
        self.last: Moment | None = None
        self._before: dict[str, float] = {}
        self._after: dict[str, float] = {}

    def timed(self, stage: str, function: Callable[..., Any], mark: Mark = "") -> Callable[..., Any]:
        """`function`, with its CPU time in the calling thread counted under `stage`."""

        @functools.wraps(function, updated=())
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if mark == "begin":
                self.begin()
            ledger = self._ledger()
            self._enter(ledger, stage)
            try:
                return function(*args, **kwargs)
            finally:
                self._leave(ledger, stage)
                if mark == "end":
                    self.end()

        return wrapper

    def timed_iterator(self, stage: str, function: Callable[..., Any], mark: Mark = "") -> Callable[..., Iterator[Any]]:
        """The same for a function that gives an iterator: what each item costs to make."""

        @functools.wraps(function, updated=())
        def wrapper(*args: Any, **kwargs: Any) -> Iterator[Any]:
            pull = self.timed(stage, iter(function(*args, **kwargs)).__next__, mark)
            while True:
                try:
                    item = pull()
                except StopIteration:
                    return
                yield item

        return wrapper

    def begin(self) -> None:
        if self.first is None:
            self._before = self.seconds() | {NATIVE: native_threads_cpu_s()}
            self.first = Moment.now()

    def end(self) -> None:
        if self.first is not None:
            self.last = Moment.now()
            self._after = self.seconds() | {NATIVE: native_threads_cpu_s()}

    def window_seconds(self) -> dict[str, float]:
        """CPU seconds by stage between `first` and `last`, with those of threads that Python did not start."""
        spent = {stage: after - self._before.get(stage, 0.0) for stage, after in self._after.items()}
        return {stage: seconds for stage, seconds in spent.items() if seconds > 0}

    def seconds(self) -> dict[str, float]:
        """CPU seconds by stage, in the order of `STAGES`, then others; stages that were never entered are left out."""
        total: dict[str, int] = {}
        for ledger in list(self._ledgers):
            for stage, spent in list(ledger.spent_ns.items()):
                total[stage] = total.get(stage, 0) + spent
        order = [s for s in STAGES if s in total] + [s for s in total if s not in STAGES]
        return {stage: total[stage] / 1e9 for stage in order}

    @property
    def calls(self) -> int:
        return sum(ledger.calls for ledger in list(self._ledgers))

    def _ledger(self) -> _Ledger:
        ledger: _Ledger | None = getattr(self._local, "ledger", None)
        if ledger is None:
            ledger = self._local.ledger = _Ledger()
            self._ledgers.append(ledger)
        return ledger

    @staticmethod
    def _enter(ledger: _Ledger, stage: str) -> None:
        now_ns = time.thread_time_ns()
        if ledger.inside:
            outer = ledger.inside[-1]
            ledger.spent_ns[outer] = ledger.spent_ns.get(outer, 0) + now_ns - ledger.since_ns
        ledger.inside.append(stage)
        ledger.since_ns = now_ns
        ledger.calls += 1

    @staticmethod
    def _leave(ledger: _Ledger, stage: str) -> None:
        now_ns = time.thread_time_ns()
        ledger.spent_ns[stage] = ledger.spent_ns.get(stage, 0) + now_ns - ledger.since_ns
        ledger.inside.pop()
        ledger.since_ns = now_ns


@contextmanager
def stages_timed(clock: StageClock, points: tuple[StagePoint, ...] | None = None) -> Iterator[None]:
    """Put the clock around every stage point, and take it away again. `LookupError` names a point that is gone."""
    with ExitStack() as undo:
        for point in stage_points() if points is None else points:
            owner, name = place_of(point)
            before = getattr(owner, name)
            make = clock.timed_iterator if point.iterates else clock.timed
            timed = make(point.stage, before, point.mark)
            if name not in vars(owner):
                setattr(owner, name, timed)
                undo.callback(delattr, owner, name)
                continue
            for holder, alias in [(owner, name), *_imported(before)]:
                setattr(holder, alias, timed)
                undo.callback(setattr, holder, alias, before)
        yield


def _imported(function: Any) -> list[tuple[ModuleType, str]]:
    """Where loaded modules of the product hold the function under a name of their own (``from ... import``)."""
    found = []
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in PRODUCT and module is not None:
            found += [(module, alias) for alias, held in list(vars(module).items()) if held is function]
    return found


def place_of(point: StagePoint) -> tuple[Any, str]:
    """The module or class that holds a point's function, and the function's name."""
    module, _, path = point.place.partition(":")
    *owners, name = path.split(".")
    owner: Any = importlib.import_module(module)
    try:
        for part in owners:
            owner = getattr(owner, part)
        getattr(owner, name)
    except AttributeError as error:
        raise LookupError(
            f"benchmarks: {point.place} is gone ({error}): say in stage_clock.py what took its place"
        ) from error
    return owner, name


def call_cost_s(calls: int = 20_000) -> float:
    """CPU seconds that timing adds to one call, measured here and now."""
    clock = StageClock()
    plain: Callable[[], None] = lambda: None  # noqa: E731 - the cheapest function there is
    timed = clock.timed("nothing", plain)
    spent = []
    for function in (plain, timed):
        began = time.process_time()
        for _ in range(calls):
            function()
        spent.append(time.process_time() - began)
    return max(0.0, spent[1] - spent[0]) / calls


def native_threads_cpu_s() -> float:
    """CPU seconds so far of this process's living threads that are not Python's; 0 where there is no /proc."""
    ours = {thread.native_id for thread in threading.enumerate()}
    ticks = 0
    for folder in Path("/proc/self/task").glob("*"):
        if int(folder.name) in ours:
            continue
        try:
            ticks += sum(cpu_ticks((folder / "stat").read_text())[:2])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return ticks / ticks_per_second()


def queued_s() -> float:
    """Seconds so far in which living threads of this process waited for a core; 0 where the kernel does not say."""
    waited_ns = 0
    for folder in Path("/proc/self/task").glob("*"):
        try:
            waited_ns += int((folder / "schedstat").read_text().split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return waited_ns / 1e9


def cpu_ticks(stat: str) -> tuple[int, int, int, int]:
    """User, system, and the ended children's user and system ticks of a line of /proc/PID/stat.

    >>> cpu_ticks("7 (a (b) c) S 1 7 7 0 -1 4194560 9 0 0 0 31 12 5 2 20 0")
    (31, 12, 5, 2)
    """
    words = stat.rpartition(")")[2].split()
    return int(words[11]), int(words[12]), int(words[13]), int(words[14])


def ticks_per_second() -> int:
    return os.sysconf("SC_CLK_TCK")


def peak_rss_bytes() -> int:
    """Most resident memory since the program began: `ru_maxrss` would remember the size of the process that forked it."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])
