"""The desk as a web application: who may reach it, what it tells a supervisor, how it starts and refuses to."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from desk.access import TOKEN_COOKIE, Gate, check_exposure, token_stamp
from desk.app import build_desk, serve
from desk.records import Records
from desk.visit import NAME_COOKIE, visit_of
from metering.alert import Alert
from metering.archive import Archive
from metering.errors import SettingsError, StoreUnavailable
from metering.ports import Checkpoint, PartitionChange
from operations.api_tokens import add_token
from storage.memory import MemoryStore
from storage.memory_series import MemoryTimeSeries

pytestmark = pytest.mark.usefixtures("one_more_desk")

TOKEN = "a-token-of-sixteen-characters-or-more"  # noqa: S105 - a test's own
HOME = "http://127.0.0.1:8080"


class SeriesAway(MemoryTimeSeries):
    def ping(self) -> str:
        raise StoreUnavailable("influxdb does not answer")


@asynccontextmanager
async def browser(desk: FastAPI, address: str = HOME) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(desk), base_url=address) as client:
        yield client


@pytest.fixture
def store(archive: Archive) -> MemoryStore:
    memory = MemoryStore()
    memory.save_archive(archive)
    mark = memory.begin_partition("judge", 0, "test")
    memory.save(Checkpoint("judge", {0: PartitionChange(mark.epoch, 1, 1_772_323_200)}))
    return memory


def desk_over(store: MemoryStore, archive: Archive, token: str | None = None, **more: MemoryTimeSeries) -> FastAPI:
    series = more.get("series", MemoryTimeSeries())
    return build_desk(store, series, archive, encode=lambda _message: b"", token=token)


async def test_health_says_how_far_and_what_is_reached(store: MemoryStore, archive: Archive) -> None:
    async with browser(desk_over(store, archive)) as client:
        answer = await client.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "clock": "2026-03-01T00:00:00Z", "time_series": "memory"}


async def test_figures_for_prometheus_are_behind_the_gate(store: MemoryStore, archive: Archive) -> None:
    desk = build_desk(
        store, MemoryTimeSeries(), archive, encode=lambda _: b"", token=TOKEN, metrics=lambda: b"meterwatch_areas 2.0\n"
    )
    async with browser(desk) as client:
        assert (await client.get("/metrics")).status_code == 303
        answer = await client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.text == "meterwatch_areas 2.0\n"
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


async def test_health_names_the_store_that_is_away(store: MemoryStore, archive: Archive) -> None:
    async with browser(desk_over(store, archive, series=SeriesAway())) as client:
        answer = await client.get("/health")
    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "why": "influxdb does not answer"}


@pytest.mark.parametrize("host", ["http://evil.example", "http://10.0.0.7:8080"])
async def test_without_a_token_the_desk_answers_only_to_this_machine(
    store: MemoryStore, archive: Archive, host: str
) -> None:
    async with browser(desk_over(store, archive), host) as client:
        assert (await client.get("/health")).status_code == 403


@pytest.mark.parametrize("host", [HOME, "http://localhost:8080", "http://[::1]:8080"])
async def test_this_machine_has_three_names(store: MemoryStore, archive: Archive, host: str) -> None:
    async with browser(desk_over(store, archive), host) as client:
        assert (await client.get("/health")).status_code == 200


async def test_another_site_s_page_cannot_act_through_the_desk(store: MemoryStore, archive: Archive) -> None:
    async with browser(desk_over(store, archive)) as client:
        refused = await client.post("/sign-in", headers={"Origin": "https://evil.example"})
        own = await client.get("/health", headers={"Origin": HOME})
    assert refused.status_code == 403
    assert own.status_code == 200
    assert own.headers["x-frame-options"] == "DENY"


async def test_with_a_token_nothing_is_shown_before_it_is_given(store: MemoryStore, archive: Archive) -> None:
    async with browser(desk_over(store, archive, TOKEN), "http://desk.utility.example") as client:
        sent_away = await client.get("/tasks/t-1")
        assert sent_away.status_code == 303
        assert sent_away.headers["location"] == "/sign-in?back=/tasks/t-1"
        asked = await client.get("/sign-in?back=/tasks/t-1")
        assert 'value="/tasks/t-1"' in asked.text
        wrong = await client.post("/sign-in", data={"token": "guess", "back": "/tasks/t-1"})
        assert wrong.status_code == 403
        right = await client.post("/sign-in", data={"token": TOKEN, "back": "//evil.example"})
        assert right.status_code == 303
        assert right.headers["location"] == "/"
        kept = right.headers["set-cookie"]
        assert TOKEN not in kept
        assert "HttpOnly" in kept
        client.cookies.clear()
        assert (await client.post("/anything")).status_code == 403


async def test_the_api_asks_for_a_token_of_its_own(store: MemoryStore, archive: Archive) -> None:
    _, shown = add_token(store, person="Li Na", role="reader", scopes=(), days=None, by="root", now_s=int(time.time()))
    async with browser(desk_over(store, archive, TOKEN), "http://desk.utility.example") as client:
        for header in ({}, {"Authorization": f"Bearer {TOKEN}"}, {"Cookie": f"{TOKEN_COOKIE}={token_stamp(TOKEN)}"}):
            refused = await client.get("/api/v1/alerts", headers=header)
            assert (refused.status_code, refused.json()["instance"]) == (401, "/api/v1/alerts")
        answer = await client.get("/api/v1/alerts", headers={"Authorization": f"Bearer {shown}"})
        assert answer.json()["alerts"] == []
        assert answer.headers["x-content-type-options"] == "nosniff"
        elsewhere = {"Authorization": f"Bearer {shown}", "Origin": "https://evil.example"}
        assert (await client.get("/api/v1/alerts", headers=elsewhere)).status_code == 403
        assert (await client.get("/api/v1/docs")).status_code == 200


async def test_a_program_shows_its_token_in_a_header(store: MemoryStore, archive: Archive) -> None:
    async with browser(desk_over(store, archive, TOKEN), "http://desk.utility.example") as client:
        back = "/language/zh?back=/tasks"
        assert (await client.get(back)).headers["location"].startswith("/sign-in")
        answer = await client.get(back, headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.headers["location"] == "/tasks"
        stamped = await client.get(back, headers={"Cookie": f"{TOKEN_COOKIE}={token_stamp(TOKEN)}"})
        assert stamped.headers["location"] == "/tasks"


async def knock(gate: Gate, *cookies: tuple[bytes, bytes]) -> list[str]:
    """Open a web socket through the gate; the kinds of messages that came back."""
    came: list[str] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        came.append(message["type"])

    headers = [(b"host", b"desk.utility.example"), *cookies]
    await gate({"type": "websocket", "path": "/_nicegui_ws/socket.io/", "headers": headers}, receive, send)
    return came


async def welcome(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept"})


async def test_a_socket_is_refused_without_the_token_and_opened_with_it() -> None:
    gate = Gate(welcome, TOKEN)
    assert await knock(gate) == ["websocket.close"]
    assert await knock(gate, (b"cookie", f"{TOKEN_COOKIE}={'0' * 64}".encode())) == ["websocket.close"]
    assert await knock(gate, (b"cookie", f"{TOKEN_COOKIE}={token_stamp(TOKEN)}".encode())) == ["websocket.accept"]


@pytest.mark.parametrize(
    ("path", "cookie"), [("/language/zh", "desk_language=zh"), ("/theme/light", "desk_theme=light")]
)
async def test_choices_are_kept_in_the_browser(store: MemoryStore, archive: Archive, path: str, cookie: str) -> None:
    async with browser(desk_over(store, archive)) as client:
        answer = await client.get(f"{path}?back=/alerts%3Fgrade%3Dhigh")
    assert answer.headers["location"] == "/alerts?grade=high"
    assert cookie in answer.headers["set-cookie"]


def test_a_visit_is_read_from_the_browser() -> None:
    def visit(**headers: str) -> tuple[str, str, str]:
        raw = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
        scope = {"type": "http", "path": "/", "query_string": b"", "headers": raw}
        seen = visit_of(Request(scope), "en")
        return seen.language, seen.theme, seen.name

    assert visit() == ("en", "dark", "")
    assert visit(accept_language="zh-CN,zh;q=0.9") == ("zh", "dark", "")
    assert visit(cookie=f"desk_language=en; desk_theme=light; {NAME_COOKIE}=Li%20Na", accept_language="zh") == (
        "en",
        "light",
        "Li Na",
    )


def test_the_desk_is_not_exposed_without_a_token() -> None:
    with pytest.raises(SettingsError, match="METERWATCH_DESK_TOKEN"):
        check_exposure("0.0.0.0", None)  # noqa: S104 - what is to be refused
    with pytest.raises(SettingsError, match="shorter"):
        check_exposure("127.0.0.1", "short")
    check_exposure("0.0.0.0", TOKEN)  # noqa: S104 - allowed with a token
    check_exposure("::1", None)


def test_a_port_in_use_is_one_plain_sentence(store: MemoryStore, archive: Archive) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SettingsError, match="choose another port"):
            serve(desk_over(store, archive), port=taken.getsockname()[1])


async def test_a_snapshot_is_shared_for_a_moment_and_read_anew_on_demand(
    store: MemoryStore, archive: Archive, make_alert: Callable[..., Alert]
) -> None:
    records = Records(store, MemoryTimeSeries(), archive, lambda _message: b"")
    first = await records.snapshot()
    assert await records.snapshot() is first
    mark = store.begin_partition("judge", 0, "test")
    store.save(Checkpoint("judge", {0: PartitionChange(mark.epoch, 2, 1_772_326_800, alerts={"a-0001": make_alert()})}))
    fresh = await records.snapshot(fresh=True)
    assert [a.alert_id for a in fresh.open_alerts] == ["a-0001"]
    assert fresh.now_s == fresh.clock_s == 1_772_326_800
