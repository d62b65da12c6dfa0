"""The annotation writer against a small HTTP server that speaks Grafana's annotation endpoints.

Grafana itself is not run in these tests: the server below follows its published HTTP API (find, create, update,
delete annotations; tags that must all match), and answers with errors on demand.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from grafana.client import AnnotationWriter, GrafanaRefused, GrafanaUnavailable
from metering.alert import Alert, AlertState
from metering.errors import SettingsError, StoreError, StoreUnavailable

TOKEN = "glsa-test"  # noqa: S105 - opens nothing but the server below


class FakeGrafana(ThreadingHTTPServer):
    """Annotations in memory. `fail_with` answers the next requests with (status, body) instead."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.annotations: dict[int, dict[str, Any]] = {}
        self.requests: list[str] = []
        self.fail_with: tuple[int, str] | None = None

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
        if self.server.fail_with is not None:
            self._answer(*self.server.fail_with)
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
            wanted = set(parse_qs(query).get("tags", []))
            self._answer(200, json.dumps([a for a in kept.values() if wanted <= set(a["tags"])]))
        elif self.command == "POST" and body is not None:
            self._answer(200, json.dumps({"message": "Annotation added", "id": self.server.add(body)}))
        elif self.command == "PUT" and body is not None:
            kept[int(number)] |= body
            self._answer(200, '{"message": "Annotation updated"}')
        elif self.command == "DELETE":
            del kept[int(number)]
            self._answer(200, '{"message": "Annotation deleted"}')

    do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815 - the base class calls these names


@pytest.fixture
def server() -> Iterator[FakeGrafana]:
    fake = FakeGrafana()
    thread = threading.Thread(target=fake.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield fake
    fake.shutdown()
    thread.join()
    fake.server_close()


@pytest.fixture
def writer(server: FakeGrafana) -> AnnotationWriter:
    return AnnotationWriter(server.url, TOKEN, desk_url="http://desk.example/")


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


def test_a_raised_alert_becomes_one_annotation(server: FakeGrafana, writer: AnnotationWriter) -> None:
    assert writer.write(RAISED) == 1
    assert server.annotations[1]["time"] == server.annotations[1]["timeEnd"] == 1_000_000
    assert server.annotations[1]["tags"] == ["meterwatch", "alert:a-1", "area:TA <1> & co"]


def test_the_text_says_suspected_and_gives_no_meter_and_no_markup_of_the_feed(
    server: FakeGrafana, writer: AnnotationWriter
) -> None:
    writer.write(RAISED)
    text = server.annotations[1]["text"]
    assert text.startswith("suspected: demand over contracted capacity in TA &lt;1&gt; &amp; co (high)")
    assert 'href="http://desk.example/alerts/a-1"' in text
    assert "M-1" not in text
    assert "SP-1" not in text


def test_writing_the_same_alert_again_changes_nothing(server: FakeGrafana, writer: AnnotationWriter) -> None:
    writer.write(RAISED)
    server.requests.clear()
    assert writer.write(RAISED) == 1
    assert server.requests == ["GET"]
    assert len(server.annotations) == 1


def test_a_raised_alert_reaches_to_the_event_time(server: FakeGrafana, writer: AnnotationWriter) -> None:
    writer.write(RAISED)
    writer.write(RAISED, until_s=2_800)
    assert server.annotations[1]["timeEnd"] == 2_800_000
    assert len(server.annotations) == 1


def test_a_cleared_alert_ends_its_region(server: FakeGrafana, writer: AnnotationWriter) -> None:
    writer.write(RAISED, until_s=9_000)
    writer.write(CLEARED, until_s=9_000)
    (annotation,) = server.annotations.values()
    assert (annotation["time"], annotation["timeEnd"]) == (1_000_000, 4_600_000)
    assert "over" in annotation["text"]


def test_only_a_confirmed_alert_is_called_by_its_name_alone(server: FakeGrafana, writer: AnnotationWriter) -> None:
    writer.write(replace(CLEARED, state=AlertState.CONFIRMED))
    assert server.annotations[1]["text"].startswith("demand over contracted capacity")


def test_doubles_of_two_writers_are_made_one(server: FakeGrafana, writer: AnnotationWriter) -> None:
    writer.write(RAISED)
    server.add(dict(server.annotations[1]))
    assert writer.write(CLEARED) == 1
    assert list(server.annotations) == [1]
    assert server.annotations[1]["timeEnd"] == 4_600_000


def test_another_alert_gets_an_annotation_of_its_own(server: FakeGrafana, writer: AnnotationWriter) -> None:
    writer.write(RAISED)
    assert writer.write(replace(RAISED, alert_id="a-2")) == 2


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (500, '{"message": "database is locked"}', GrafanaUnavailable),
        (502, "an error message that is no JSON", GrafanaUnavailable),
        (429, '{"message": "slow down"}', GrafanaUnavailable),
        (400, '{"message": "bad"}', GrafanaRefused),
        (403, '{"message": "no right"}', GrafanaRefused),
        (404, '{"message": "not found"}', GrafanaRefused),
        (200, "<html>another web site</html>", GrafanaRefused),
    ],
)
def test_an_error_says_whether_to_try_again(
    server: FakeGrafana, writer: AnnotationWriter, status: int, body: str, error: type[Exception]
) -> None:
    server.fail_with = (status, body)
    with pytest.raises(error):
        writer.write(RAISED)
    server.fail_with = None
    assert writer.write(RAISED) == 1


def test_errors_are_those_of_the_ports() -> None:
    assert issubclass(GrafanaUnavailable, StoreUnavailable)
    assert issubclass(GrafanaRefused, StoreError)


def test_a_grafana_that_is_away_can_be_tried_again(server: FakeGrafana) -> None:
    with pytest.raises(GrafanaUnavailable, match="cannot be reached"):
        AnnotationWriter("http://127.0.0.1:9", TOKEN).write(RAISED)


def test_a_wrong_token_is_refused_with_what_to_do(server: FakeGrafana) -> None:
    with pytest.raises(GrafanaRefused, match="METERWATCH_GRAFANA_TOKEN"):
        AnnotationWriter(server.url, "wrong").write(RAISED)
    with pytest.raises(GrafanaRefused, match="METERWATCH_GRAFANA_TOKEN"):
        AnnotationWriter(server.url, "wrong").ping()


def test_ping_names_the_version(writer: AnnotationWriter) -> None:
    assert writer.ping() == "Grafana 11.6.0"


@pytest.mark.parametrize("url", ["grafana:3000", "", "ftp://grafana"])
def test_an_unusable_address_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="METERWATCH_GRAFANA_URL"):
        AnnotationWriter(url, TOKEN)
