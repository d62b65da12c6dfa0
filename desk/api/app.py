"""The API as one application under `/api/v1`: its addresses, what it answers when it refuses, and its own documentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse

from desk.api import (
    alerts,
    audit,
    curves,
    findings,
    intake,
    notifications,
    overview,
    places,
    quality,
    silences,
    suspected,
    tasks,
)
from desk.api.access import Parts, remember_refusal
from desk.api.docs_page import docs_page
from desk.api.problems import answer, faults_of, problem_of
from metering.errors import MeterwatchError

BASE = "/api/v1"
VERSION = "1"
#: The largest body: a thousand alerts of Grafana.
MOST_BYTES = 2_000_000
DESCRIPTION = (
    "How all stands, alerts, what people do with them, silences, inspection tasks, findings, data quality and load curves. Callers show a token that names a person, a "
    "role and scopes. Times are event time, UTC."
)
#: `suspected` comes before the alerts, whose addresses end with any number.
ROUTERS = (
    suspected.router,
    alerts.router,
    silences.router,
    tasks.router,
    findings.router,
    notifications.router,
    overview.router,
    quality.router,
    places.router,
    curves.router,
    audit.router,
    intake.router,
)


def build_api(parts: Parts) -> FastAPI:
    """The API over the desk's ports; mounted by the desk, called in the same process by its pages."""
    api = FastAPI(
        title="Meterwatch",
        version=VERSION,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        max_body_size=MOST_BYTES,
        servers=[{"url": BASE}],
        root_path_in_servers=False,
    )
    api.state.parts = parts
    for router in ROUTERS:
        api.include_router(router)
    api.add_exception_handler(MeterwatchError, _refused)
    api.add_exception_handler(RequestValidationError, _not_understood)
    api.add_exception_handler(HTTPException, _no_such)

    @api.get("/docs", include_in_schema=False)
    def documentation() -> HTMLResponse:
        return HTMLResponse(docs_page(api.openapi()))

    return api


def _refused(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, MeterwatchError):
        raise error
    slug, detail, more = problem_of(error)
    return _answer(request, slug, detail, more)


def _not_understood(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    faults = faults_of(error.errors())
    said = "; ".join(f"{fault['where']}: {fault['what']}" for fault in faults[:3])
    return _answer(request, "invalid", said, {"errors": faults})


def _no_such(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    slugs = {404: "no-such-address", 405: "method", 413: "too-large"}
    return _answer(request, slugs.get(error.status_code, "invalid"), str(error.detail), {})


def _answer(request: Request, slug: str, detail: str, more: Mapping[str, Any]) -> JSONResponse:
    remember_refusal(request, slug, detail)
    return answer(slug, detail, request.url.path, more)
