"""The writer thread against answers that a healthy InfluxDB does not give on request: 429, 500, 413, a lost connection."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pytest
from influxdb_client.client.write_api import WriteApi
from influxdb_client.rest import ApiException
from urllib3 import HTTPHeaderDict
from urllib3.exceptions import ProtocolError

from metering.errors import StoreError, StoreUnavailable
from storage.influx_writer import Backoff, InfluxWriter

Answer = Callable[[list[str]], None]


def status(code: int, message: str = "", **headers: str) -> Answer:
    def answer(_lines: list[str]) -> None:
        error = ApiException(status=code, reason="scripted")  # type: ignore[no-untyped-call]
        error.body = f'{{"code":"x","message":"{message}"}}'
        error.headers = HTTPHeaderDict({name.replace("_", "-"): text for name, text in headers.items()})
        raise error

    return answer


def cut_off(_lines: list[str]) -> None:
    raise ProtocolError("Connection aborted.")


class ScriptedApi:
    """Takes lines; answers the first calls by the script, and refuses what `rule` refuses."""

    def __init__(self, *script: Answer, rule: Answer | None = None) -> None:
        self.script = list(script)
        self.rule = rule
        self.stored: list[str] = []
        self.calls: list[float] = []

    def write(self, bucket: str, org: str, payload: bytes, *, write_precision: str) -> None:
        assert (bucket, org, write_precision) == ("meters", "grid", "s")
        self.calls.append(time.monotonic())
        lines = payload.decode().split("\n")
        if self.script:
            self.script.pop(0)(lines)
        elif self.rule:
            self.rule(lines)
        self.stored += lines


class GatedApi(ScriptedApi):
    """Holds every write until the gate opens."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()

    def write(self, bucket: str, org: str, payload: bytes, *, write_precision: str) -> None:
        self.gate.wait()
        super().write(bucket, org, payload, write_precision=write_precision)


@pytest.fixture
def writer_on() -> Iterator[Callable[..., InfluxWriter]]:
    made: list[InfluxWriter] = []

    def make(api: ScriptedApi, **settings: object) -> InfluxWriter:
        chosen: dict[str, object] = {
            "bucket": "meters",
            "org": "grid",
            "lines_per_body": 100,
            "waiting_bodies": 2,
            "patience_s": None,
            "backoff": Backoff(0.001, 0.01),
        } | settings
        made.append(InfluxWriter(cast(WriteApi, api), **chosen))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for writer in made:
        writer.close(drain_s=0)


MakeWriter = Callable[..., InfluxWriter]
LINES = [f"m v={i}.0 {i}" for i in range(250)]


def test_every_transient_answer_is_tried_again_until_the_server_takes_it(writer_on: MakeWriter) -> None:
    api = ScriptedApi(
        cut_off, status(503), status(500, "cache-max-memory-size exceeded"), status(429), cut_off, status(408)
    )
    assert writer_on(api).write(LINES) == 0
    assert api.stored == LINES
    assert len(api.calls) == 6 + 3


def test_the_server_is_given_the_time_it_asks_for(writer_on: MakeWriter) -> None:
    api = ScriptedApi(status(429, Retry_After="1"))
    assert writer_on(api).write(LINES[:1]) == 0
    assert api.calls[1] - api.calls[0] >= 1


def test_a_body_that_is_too_large_is_halved(writer_on: MakeWriter) -> None:
    def at_most_30(lines: list[str]) -> None:
        if len(lines) > 30:
            status(413)(lines)

    api = ScriptedApi(rule=at_most_30)
    assert writer_on(api).write(LINES) == 0
    assert api.stored == LINES


def test_bisection_finds_every_bad_line_and_keeps_the_order_of_the_good(
    writer_on: MakeWriter, caplog: pytest.LogCaptureFixture
) -> None:
    bad = {LINES[0], LINES[57], LINES[58], LINES[249]}

    def no_bad_line(lines: list[str]) -> None:
        if bad & set(lines):
            status(400, "unable to parse")(lines)

    api = ScriptedApi(rule=no_bad_line)
    with caplog.at_level(logging.WARNING):
        assert writer_on(api).write(LINES) == 4
    assert api.stored == [line for line in LINES if line not in bad]
    assert sum("unable to parse" in record.getMessage() for record in caplog.records) == 4


@pytest.mark.parametrize(
    ("message", "refused"), [("partial write: field type conflict dropped=3", 3), ("why not", 100)]
)
def test_a_422_is_counted_and_not_tried_again(writer_on: MakeWriter, message: str, refused: int) -> None:
    api = ScriptedApi(status(422, message))
    assert writer_on(api).write(LINES[:100]) == refused
    assert len(api.calls) == 1


@pytest.mark.parametrize("code", [401, 403, 404, 405])
def test_a_refusal_for_good_stops_the_caller_and_not_the_writer(writer_on: MakeWriter, code: int) -> None:
    api = ScriptedApi(status(code, "no"))
    writer = writer_on(api)
    with pytest.raises(StoreError, match=str(code)):
        writer.write(LINES[:5])
    assert writer.write(LINES[:5]) == 0
    assert api.stored == LINES[:5]


def test_an_unforeseen_error_reaches_the_caller_and_the_writer_lives_on(writer_on: MakeWriter) -> None:
    def unforeseen(_lines: list[str]) -> None:
        raise ZeroDivisionError

    api = ScriptedApi(unforeseen)
    writer = writer_on(api)
    with pytest.raises(StoreError, match="ZeroDivisionError"):
        writer.write(LINES[:5])
    assert writer.write(LINES[:5]) == 0


def test_patience_ends_with_unavailable(writer_on: MakeWriter) -> None:
    writer = writer_on(ScriptedApi(rule=cut_off), patience_s=0.02)
    with pytest.raises(StoreUnavailable, match="again"):
        writer.write(LINES)


def test_no_more_than_the_queue_holds_is_taken_in_while_the_server_is_slow(writer_on: MakeWriter) -> None:
    api = GatedApi()
    writer = writer_on(api, lines_per_body=1, waiting_bodies=2)
    with ThreadPoolExecutor(1) as caller:
        writing = caller.submit(writer.write, LINES[:50])
        while writer.waiting_bodies != 2:
            time.sleep(0.001)
        assert not writing.done()
        api.gate.set()
        assert writing.result() == 0
    assert api.stored == LINES[:50]


def test_several_callers_each_get_their_own_answer(writer_on: MakeWriter) -> None:
    def no_seven(lines: list[str]) -> None:
        if LINES[7] in lines:
            status(400)(lines)

    writer = writer_on(ScriptedApi(rule=no_seven), lines_per_body=10)
    with ThreadPoolExecutor(4) as callers:
        refused = list(callers.map(lambda start: writer.write(LINES[start : start + 20]), (0, 20, 40, 60)))
    assert refused == [1, 0, 0, 0]


def test_closing_writes_what_waits_and_then_takes_no_more(writer_on: MakeWriter) -> None:
    api = GatedApi()
    writer = writer_on(api, lines_per_body=10, waiting_bodies=4)
    with ThreadPoolExecutor(2) as callers:
        writing = callers.submit(writer.write, LINES[:30])
        while writer.waiting_bodies < 2:
            time.sleep(0.001)
        closing = callers.submit(writer.close, 30.0)
        api.gate.set()
        closing.result()
        assert writing.result() == 0
    assert api.stored == LINES[:30]
    with pytest.raises(StoreUnavailable, match="closing"):
        writer.write(LINES[:1])
