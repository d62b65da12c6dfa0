"""The annotation writer against a small HTTP server that speaks Grafana's annotation endpoints.

Grafana itself is not run in these tests: the server in `fake_grafana.py` follows its published HTTP API (find, create,
update, delete annotations; tags that must all match), and answers with errors on demand.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from grafana.client import AnnotationWriter, GrafanaRefused, GrafanaUnavailable
from metering.alert import AlertState
from metering.errors import SettingsError, StoreError, StoreUnavailable
from tests.unit.grafana.fake_grafana import CLEARED, RAISED, TOKEN, FakeGrafana


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
