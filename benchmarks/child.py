"""One process of a benchmark, as it runs in reality, with the stage clock around it; its account is a JSON file.

Run as ``python -m benchmarks.child ACCOUNT ROLE [ARGUMENTS]``; the settings are in the environment, as for the product.
Roles: ``publish FEED``, ``judge``, ``archive``, ``both`` (workers), ``replay FEED OUT``, ``hold DATABASE FEED [traced]``.
"""

from __future__ import annotations

import ctypes
import gc
import json
import sys
import tracemalloc
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast, get_args

from benchmarks.stage_clock import StageClock, call_cost_s, peak_rss_bytes, stages_timed
from metering.errors import MeterwatchError

READY = ".ready"


@dataclass(frozen=True, slots=True)
class Account:
    """What one process took between its first and its last message. Times in seconds, `first_s` and `last_s` on the
    machine's monotonic clock; `stages` are CPU seconds, `rest` what no stage claims; `timing_s` is what timing itself added,
    `queued_s` how long its threads were ready and had no core."""

    role: str
    first_s: float
    last_s: float
    cpu_s: float
    queued_s: float
    stages: dict[str, float]
    timing_s: float
    peak_rss_bytes: int
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def wall_s(self) -> float:
        return self.last_s - self.first_s

    @classmethod
    def read(cls, path: Path) -> Account:
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def account_of(role: str, clock: StageClock, told: dict[str, Any], call_s: float) -> Account:
    """Close the clock's account. Raises `MeterwatchError` where nothing went through."""
    if clock.first is None or clock.last is None:
        raise MeterwatchError(f"the {role} process handled nothing: is the feed empty?")
    cpu_s = clock.last.cpu_s - clock.first.cpu_s
    stages = clock.window_seconds()
    stages["rest"] = max(0.0, cpu_s - sum(stages.values()))
    queued_s = clock.last.queued_s - clock.first.queued_s
    return Account(
        role=role,
        first_s=clock.first.wall_s,
        last_s=clock.last.wall_s,
        cpu_s=cpu_s,
        queued_s=queued_s,
        stages=stages,
        timing_s=clock.calls * call_s,
        peak_rss_bytes=peak_rss_bytes(),
        told=told,
    )


def main(arguments: list[str]) -> int:
    path, role, *rest = arguments
    if role == "hold":
        told = hold(rest[0], Path(rest[1]), traced="traced" in rest)
        Path(path).write_text(json.dumps(told), encoding="utf-8")
        return 0
    clock, call_s = StageClock(), call_cost_s()
    with stages_timed(clock):
        code, told = _run(role, rest, Path(path + READY))
    Path(path).write_text(json.dumps(asdict(account_of(role, clock, told, call_s))), encoding="utf-8")
    return code


def _run(role: str, arguments: list[str], ready: Path) -> tuple[int, dict[str, Any]]:
    from monitor.settings import load_settings

    settings = load_settings()
    if role == "publish":
        from monitor.publish import Playing, publish_feed

        done = publish_feed(Path(arguments[0]), settings, None, Playing())
        return 0, {"readings": done.readings, "frames": done.frames, "next_offsets": done.next_offsets}
    if role == "replay":
        from monitor.replay import ReplayPlan, replay

        plan = ReplayPlan(Path(arguments[0]), Path(arguments[1]), "memory")
        report = replay(plan, settings, unwatched)
        return 0, {"readings": report["readings_in"], "alerts": report["alerts"], "tasks": report["tasks"]}
    from monitor.worker import WorkerRole, run
    from streams.driver import StageDriver

    if role not in get_args(WorkerRole):
        raise MeterwatchError(f"{role} is no role of a benchmark's process")
    assigned = StageDriver.assigned

    def tell(driver: StageDriver) -> None:
        assigned(driver)
        ready.touch()

    setattr(StageDriver, "assigned", tell)  # noqa: B010 - seen from outside, as the stages are
    return run(cast(WorkerRole, role), settings), {}


def unwatched(done: int, total: int) -> None:
    """Progress that nobody watches."""


def hold(database_url: str, feed_folder: Path, *, traced: bool) -> dict[str, Any]:
    """Judge, in this process, the frames of the areas that the database's archive knows, and weigh what is then held:
    resident bytes with nothing under way, and the bytes of the saved pages; `traced` (slow) also counts the bytes that
    Python and NumPy objects asked for."""
    from operations.judge_stage import JudgeStage
    from simulator.feeds.feed import Feed
    from simulator.feeds.publication import publication
    from storage.sql import SqlStore

    store = SqlStore(database_url)
    if traced:
        tracemalloc.start()
    archive = store.load_archive()
    stage = JudgeStage(archive, store, lambda _: 0, owner="benchmark")
    stage.begin(0)
    offset = 0
    for sent in publication(Feed.open(feed_folder)):
        if sent.transformer_area is not None and sent.transformer_area not in archive.areas:
            continue
        stage.handle(0, offset, sent.message)
        offset += 1
        if offset % 500 == 0:
            stage.save()
    stage.save()
    rss = resting_rss_bytes()
    asked_for = tracemalloc.get_traced_memory()[0] if traced else 0
    pages = [page for area in archive.areas for page in store.load_pages(area).values()]
    store.close()
    return {
        "meters": len(archive.meters),
        "rss_bytes": rss,
        "traced_bytes": asked_for,
        "page_bytes": sum(map(len, pages)),
        "pages": len(pages),
    }


def resting_rss_bytes() -> int:
    """This process's own memory (anonymous pages, swapped or not: mapped files come and go with the machine's needs),
    after garbage, and what the C library keeps of freed memory, are given back."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    status = Path("/proc/self/status").read_text()
    return 1024 * sum(int(status.partition(name)[2].split()[0]) for name in ("RssAnon:", "VmSwap:"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
