"""Pages as they leave the server, and the server's own life: built over real stores, with and without trouble."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import pytest

from desk.app import build_desk
from metering.alert import Alert
from metering.archive import Archive
from metering.errors import StoreUnavailable
from metering.handling import AlertPage, AlertQuery
from metering.inspection import InspectionTask
from metering.open_cases import OpenCases
from metering.points import Measurement
from metering.ports import Checkpoint, DayClose, PartitionChange, SeriesRow
from storage.memory import MemoryStore
from storage.memory_series import MemoryTimeSeries

pytestmark = pytest.mark.usefixtures("one_more_desk")

ROOT = Path(__file__).resolve().parents[3]


class StoreAway(MemoryStore):
    """A database that cannot be reached just now."""

    away = False

    def alerts(self, *, only_open: bool = False, transformer_area: str | None = None) -> Sequence[Alert]:
        if self.away:
            raise StoreUnavailable("postgresql does not answer")
        return super().alerts(only_open=only_open, transformer_area=transformer_area)

    def open_cases(self, *, now_s: int, marked: Sequence[str], rows: int) -> OpenCases:
        if self.away:
            raise StoreUnavailable("postgresql does not answer")
        return super().open_cases(now_s=now_s, marked=marked, rows=rows)

    def counters(self) -> dict[str, int]:
        if self.away:
            raise StoreUnavailable("postgresql does not answer")
        return super().counters()

    def alert_page(self, query: AlertQuery) -> AlertPage:
        if self.away:
            raise StoreUnavailable("postgresql does not answer")
        return super().alert_page(query)

    def alert(self, alert_id: str) -> Alert | None:
        if self.away:
            raise StoreUnavailable("postgresql does not answer")
        return super().alert(alert_id)

    def task(self, task_id: str) -> InspectionTask | None:
        if self.away:
            raise StoreUnavailable("postgresql does not answer")
        return super().task(task_id)

    def load_model_pages(self) -> dict[str, bytes]:
        if self.away:
            raise StoreUnavailable("postgresql does not answer")
        return super().load_model_pages()


class SeriesAway(MemoryTimeSeries):
    def read(self, measurement: Measurement, *, start_s: int, end_s: int, tags: object = None) -> list[SeriesRow]:
        raise StoreUnavailable("influxdb does not answer")


@pytest.fixture
def store(archive: Archive, make_alert: Callable[..., Alert], make_task: Callable[..., InspectionTask]) -> StoreAway:
    memory = StoreAway()
    memory.save_archive(archive)
    mark = memory.begin_partition("judge", 0, "test")
    change = PartitionChange(mark.epoch, 1, 1_772_323_200, alerts={"a-0001": make_alert()})
    memory.save(Checkpoint("judge", {0: change}))
    memory.close_day(DayClose(1, {}, [make_task()], (), {}, (), ()))
    return memory


@asynccontextmanager
async def desk_over(store: MemoryStore, series: MemoryTimeSeries, archive: Archive) -> AsyncIterator[httpx.AsyncClient]:
    desk = build_desk(store, series, archive, encode=lambda _message: b"")
    async with (
        desk.router.lifespan_context(desk),
        httpx.AsyncClient(transport=httpx.ASGITransport(desk), base_url="http://127.0.0.1") as client,
    ):
        yield client


async def test_every_page_says_when_the_store_is_away(store: StoreAway, archive: Archive) -> None:
    async with desk_over(store, MemoryTimeSeries(), archive) as client:
        store.away = True
        for path in ("/", "/alerts", "/tasks", "/tasks/t-0001", "/alerts/a-0001", "/findings", "/quality"):
            answer = await client.get(path)
            assert answer.status_code == 503, path
            assert "The store cannot be reached just now" in answer.text
        store.away = False
        for path in ("/findings", "/quality"):
            assert (await client.get(path)).status_code == 200
        assert (await client.get("/tasks/t-0001")).status_code == 200


async def test_alerts_are_shown_while_the_time_series_store_is_away(
    store: StoreAway, archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "meterwatch.access")
    async with desk_over(store, SeriesAway(), archive) as client:
        room = await client.get("/")
        task = await client.get("/tasks/t-0001", headers={"Cookie": "desk_name=Li%20Na"})
    assert room.status_code == task.status_code == 200
    assert "not computable" in room.text
    assert "no curve" in task.text
    assert "CUSTOMER" not in room.text + task.text


async def test_every_look_at_a_curve_leaves_one_line_with_who_and_why(
    store: StoreAway, archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "meterwatch.access")
    async with desk_over(store, MemoryTimeSeries(), archive) as client:
        await client.get("/tasks/t-0001", headers={"Cookie": "desk_name=Li%20Na"})
        await client.get("/alerts/a-0001")
    lines = [(line.actor, line.move, line.from_state, line.reason) for line in store.audit("curves")]
    assert lines == [
        ("Li Na", "read_curve", "meter M-1", "t-0001"),
        ("unnamed", "read_curve", "meter M-1", "a-0001"),
    ]
    assert "curve read: meter M-1" in caplog.text


async def test_an_address_with_a_filter_that_there_is_none_of_says_so(store: StoreAway, archive: Archive) -> None:
    async with desk_over(store, MemoryTimeSeries(), archive) as client:
        for query in ("grade=worst", "cursor=nonsense"):
            answer = await client.get(f"/alerts?{query}")
            assert answer.status_code == 422
            assert "asks for something that there is none of" in answer.text


@pytest.mark.parametrize("path", ["/tasks/t-none", "/alerts/a-none", "/tasks/%3Cscript%3E"])
async def test_an_unknown_number_is_not_found(store: StoreAway, archive: Archive, path: str) -> None:
    async with desk_over(store, MemoryTimeSeries(), archive) as client:
        answer = await client.get(path)
    assert answer.status_code == 404
    assert "Nothing here has this number" in answer.text


SERVING = """
import asyncio, socket, sys
from desk.app import build_desk, serve
from metering.archive import Archive, Meter
from storage.memory import MemoryStore
from storage.memory_series import MemoryTimeSeries

beats = []

async def beat():
    while True:
        beats.append(1)
        await asyncio.sleep(0.01)

async def start():
    if sys.argv[1] == "broken":
        raise RuntimeError("the worker cannot start")
    start.task = asyncio.get_running_loop().create_task(beat())
    print("started", flush=True)

async def stop():
    start.task.cancel()
    print("stopped", bool(beats), flush=True)

archive = Archive("example", 15, "UTC", (Meter("M-1", "SP-1", "C-1", "TA-1", "customer"),))
desk = build_desk(MemoryStore(), MemoryTimeSeries(), archive, encode=lambda m: b"", on_startup=start, on_shutdown=stop)
serve(desk, port=0, announce=lambda address: print(address, flush=True))
print("returned", flush=True)
"""


@contextmanager
def serving(how: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVING, how],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_a_worker_shares_the_desk_s_event_loop_and_both_end_with_0() -> None:
    with serving("whole") as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        assert process.stdout.readline() == "started\n"
        wait_until_healthy(address)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "stopped True\nreturned\n"), err


def wait_until_healthy(address: str) -> None:
    """The hook runs before the server listens, so the first tries may be refused."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"{address}health", timeout=30) as answer:  # noqa: S310 - an address of our own
                assert answer.status == 200
                return
        except urllib.error.URLError:
            assert time.monotonic() < deadline, "the desk did not listen"
            time.sleep(0.05)


def test_a_worker_that_cannot_start_ends_the_desk_with_its_error() -> None:
    with serving("broken") as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1, err
    assert "the worker cannot start" in err
    assert "the desk did not start" in err
    assert "started" not in out
