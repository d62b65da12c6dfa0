"""A small HTTP server that speaks Grafana's annotation endpoints, and two alerts to write to it."""

from __future__ import annotations

import json
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from metering.alert import Alert, AlertState

TOKEN = "glsa-test"  # noqa: S105 - opens nothing but the server below


class FakeGrafana(ThreadingHTTPServer):
    """Annotations in memory. `fail_with` answers the next requests with (status, body) instead; of the next
    `swallow_answers` changes the answer is lost on its way, though they are made."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.annotations: dict[int, dict[str, Any]] = {}
        self.requests: list[str] = []
        self.fail_with: tuple[int, str] | None = None
        self.swallow_answers = 0
        self._fails_in: tuple[int, int] | None = None

    def fail_after(self, requests: int, status: int) -> None:
        """The request after so many fails, and then all is well again."""
        self._fails_in = (requests, status)

    def failure(self) -> tuple[int, str] | None:
        if self._fails_in is not None:
            left, status = self._fails_in
            self._fails_in = (left - 1, status) if left else None
            if not left:
                return status, '{"message": "fails once"}'
        return self.fail_with

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/watch"

    def add(self, annotation: dict[str, Any]) -> int:
        number = max(self.annotations, default=0) + 1
        self.annotations[number] = annotation | {"id": number}
        return number


class _Handler(BaseHTTPRequestHandler):
    server: FakeGrafana

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        return

    def _answer(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        address = urlsplit(self.path)
        self.server.requests.append(self.command)
        if (failure := self.server.failure()) is not None:
            self._answer(*failure)
        elif address.path == "/watch/api/health":
            self._answer(200, '{"version": "11.6.0", "database": "ok"}')
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._answer(401, '{"message": "Unauthorized"}')
        elif not address.path.startswith("/watch/api/annotations"):
            self._answer(404, '{"message": "Not found"}')
        else:
            self._annotations(address.path.removeprefix("/watch/api/annotations").strip("/"), address.query, body)

    def _annotations(self, number: str, query: str, body: dict[str, Any] | None) -> None:
        kept = self.server.annotations
        if self.command == "GET":
            self._answer(200, json.dumps(self._found(parse_qs(query))))
        elif self.command == "POST" and body is not None and self.server.swallow_answers:
            self.server.swallow_answers -= 1
            self.server.add(body)
            self._answer(502, '{"message": "bad gateway"}')
        elif self.command == "POST" and body is not None:
            self._answer(200, json.dumps({"message": "Annotation added", "id": self.server.add(body)}))
        elif int(number) not in kept:
            self._answer(404, '{"message": "annotation not found"}')
        elif self.command == "PUT" and body is not None:
            kept[int(number)] |= body
            self._answer(200, '{"message": "Annotation updated"}')
        elif self.command == "DELETE":
            del kept[int(number)]
            self._answer(200, '{"message": "Annotation deleted"}')

    def _found(self, asked: dict[str, list[str]]) -> list[dict[str, Any]]:
        """As Grafana does: all tags, overlapping the range where both its ends are given, the latest end first, cut."""
        wanted, found = set(asked.get("tags", [])), list(self.server.annotations.values())
        found = [a for a in found if wanted <= set(a["tags"])]
        if "from" in asked and "to" in asked:
            from_ms, to_ms = int(asked["from"][0]), int(asked["to"][0])
            found = [a for a in found if a["time"] <= to_ms and a["timeEnd"] >= from_ms]
        found.sort(key=lambda a: (-a["timeEnd"], -a["time"]))
        return found[: int(asked.get("limit", ["100"])[0])]

    do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815 - the base class calls these names


RAISED = Alert(
    alert_id="a-1",
    transformer_area="TA <1> & co",
    meter_id="M-1",
    service_point="SP-1",
    abnormality="over_capacity",
    family="load",
    grade="high",
    risk=0.9,
    raised_at_s=1_000,
    cleared_at_s=None,
    state=AlertState.RAISED,
    observed=9.0,
    expected=5.0,
    unit="kW",
    reasons=(),
    since_s=900,
)
CLEARED = replace(RAISED, cleared_at_s=4_600, state=AlertState.CLEARED)
