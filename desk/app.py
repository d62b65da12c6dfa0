"""The desk as one web application: `build_desk` makes it, `serve` runs it; it can share its event loop with the worker."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from hmac import compare_digest
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qs

import uvicorn
from fastapi import FastAPI, Query, Request
from nicegui import ui
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from desk import pages
from desk.access import TOKEN_COOKIE, Gate, check_exposure, token_stamp
from desk.api.access import Parts
from desk.api.app import BASE, build_api
from desk.api.client import ApiClient
from desk.records import Records
from desk.signing_in import sign_in_page
from desk.texts import Language, language_of
from desk.visit import COOKIE_SECONDS, LANGUAGE_COOKIE, THEME_COOKIE, local_address, visit_of
from metering.archive import Archive
from metering.errors import MeterwatchError, SettingsError, StoreError, StoreUnavailable
from metering.messages import Message
from metering.ports import StateStore, TimeSeries
from metering.times import iso
from operations.load_curves import ExpectedCurve

Hook = Callable[[], Awaitable[None]]
SHUTDOWN_SECONDS = 5
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
STATIC = Path(__file__).parent / "static"


def build_desk(
    store: StateStore,
    series: TimeSeries,
    archive: Archive,
    *,
    encode: Callable[[Message], bytes],
    clock: Callable[[], int] | None = None,
    expected_curve: ExpectedCurve | None = None,
    language: Language = "en",
    token: str | None = None,
    on_startup: Hook | None = None,
    on_shutdown: Hook | None = None,
    metrics: Callable[[], bytes] | None = None,
) -> FastAPI:
    """The desk over these ports. One desk per process: its pages are registered globally.

    `encode` makes wire bytes of decisions and findings; `clock` (epoch seconds) dates people's moves, by default the
    last tick of the log; `expected_curve` is called in a thread. `on_startup` and `on_shutdown` are awaited in the
    server's own event loop: a worker on the in-process log starts and stops there. `metrics` gives what `/metrics` shows
    (Prometheus' text format), in a thread; without it there is no such page. Store calls run in threads, so the
    ports must be thread-safe.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        if on_startup is not None:
            await on_startup()
        try:
            yield
        finally:
            if on_shutdown is not None:
                await on_shutdown()

    desk = FastAPI(title="Meterwatch", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    desk.state.token = token
    records = Records(store, series, archive, encode, clock, expected_curve)
    _add_routes(desk, records, language, token)
    if metrics is not None:
        _add_metrics(desk, metrics)
    parts = Parts(records)
    api = build_api(parts)
    desk.mount(BASE, api, name="api")
    desk.mount("/static", StaticFiles(directory=STATIC), name="static")
    pages.register(records, ApiClient(api, parts), language)
    ui.run_with(
        desk,
        title="Meterwatch",
        favicon=STATIC / "mark.svg",
        dark=None,
        tailwind=False,
        show_welcome_message=False,
        reconnect_timeout=30.0,
    )
    desk.add_middleware(Gate, token=token)
    return desk


def serve(
    desk: FastAPI, *, host: str = "127.0.0.1", port: int = 8080, announce: Callable[[str], None] | None = None
) -> None:
    """Serve until SIGINT or SIGTERM, then return. `announce` is told the address, with the port chosen where it was 0.

    `SettingsError` if the desk would be exposed without a token, or the port is in use; `MeterwatchError` if a start-up
    hook failed (its traceback is in the log).
    """
    check_exposure(host, desk.state.token)
    listening = _listen(host, port)
    if announce is not None:
        shown = f"[{host}]" if ":" in host else host
        announce(f"http://{shown}:{listening.getsockname()[1]}/")
    # what is here now stays, the archive above all: to look through it again and again would hold up whoever waits
    gc.collect()
    gc.freeze()
    config = uvicorn.Config(desk, log_level="warning", access_log=False, timeout_graceful_shutdown=SHUTDOWN_SECONDS)
    server = uvicorn.Server(config)

    def already_stopping(_signum: int, _frame: object) -> None:
        """uvicorn raises the signal again once it has shut down: by then there is nothing left to stop."""

    before = {number: signal.signal(number, already_stopping) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.run(sockets=[listening])
    except SystemExit as ended:
        raise MeterwatchError("the desk did not start: the error above says why") from ended
    finally:
        listening.close()
        for number, handler in before.items():
            signal.signal(number, handler)


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket, so that a port in use is one plain sentence instead of a server's traceback."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as trouble:
        listening.close()
        raise SettingsError(
            f"the desk cannot listen on {host}:{port} ({trouble.strerror}): choose another port"
        ) from trouble
    return listening


def _add_metrics(desk: FastAPI, metrics: Callable[[], bytes]) -> None:
    @desk.get("/metrics")
    async def show_metrics() -> Response:
        """The monitor's own figures for Prometheus; behind the gate, as everything else."""
        return Response(await asyncio.to_thread(metrics), media_type=METRICS_TYPE)


def _add_routes(desk: FastAPI, records: Records, language: Language, token: str | None) -> None:
    @desk.get("/health")
    async def health() -> JSONResponse:
        """Whether the stores answer, for a supervisor: 200 or 503, and which one does not."""
        try:
            clock_s = await asyncio.to_thread(records.log_clock_s)
            reached = await asyncio.to_thread(records.series.ping)
        except (StoreUnavailable, StoreError) as trouble:
            return JSONResponse({"status": "unavailable", "why": str(trouble)}, 503)
        return JSONResponse({"status": "ok", "clock": iso(clock_s) if clock_s else None, "time_series": reached})

    @desk.get("/language/{wanted}")
    async def set_language(wanted: str, back: Annotated[str, Query()] = "/") -> Response:
        response = RedirectResponse(local_address(back), 303)
        response.set_cookie(LANGUAGE_COOKIE, language_of(wanted) or language, COOKIE_SECONDS, samesite="lax")
        return response

    @desk.get("/theme/{wanted}")
    async def set_theme(wanted: str, back: Annotated[str, Query()] = "/") -> Response:
        response = RedirectResponse(local_address(back), 303)
        response.set_cookie(THEME_COOKIE, "light" if wanted == "light" else "dark", COOKIE_SECONDS, samesite="lax")
        return response

    @desk.get("/sign-in")
    async def ask_token(request: Request, back: Annotated[str, Query()] = "/") -> HTMLResponse:
        return HTMLResponse(sign_in_page(visit_of(request, language), local_address(back), wrong=False))

    @desk.post("/sign-in")
    async def take_token(request: Request) -> Response:
        form = parse_qs((await request.body()).decode(errors="replace"))
        back = local_address(form.get("back", ["/"])[0])
        if token is None or not compare_digest(form.get("token", [""])[0].encode(), token.encode()):
            return HTMLResponse(sign_in_page(visit_of(request, language), back, wrong=True), 403)
        response = RedirectResponse(back, 303)
        response.set_cookie(TOKEN_COOKIE, token_stamp(token), COOKIE_SECONDS, httponly=True, samesite="lax")
        return response
