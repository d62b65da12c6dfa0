"""The annotation client against a small HTTP server that speaks Grafana's annotation endpoints.

Grafana itself is not run in these tests: the server in `fake_grafana.py` follows its published HTTP API (find, create,
update, delete annotations; tags that must all match; ranges that must overlap), and answers with errors on demand.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from grafana import client as of_client
from grafana.client import AnnotationClient, GrafanaRefused, GrafanaUnavailable
from grafana.regions import OPEN, UNTOLD, Region
from metering.errors import SettingsError, StoreError, StoreUnavailable
from tests.unit.grafana.fake_grafana import TOKEN, FakeGrafana

REGION = Region("a-1", 2, 1_000, 4_600, ("meterwatch", "alert:a-1", "episode:2", "area:TA <1> & co", OPEN), "suspected")


def test_a_region_is_drawn_and_found_again_by_its_tags(server: FakeGrafana, client: AnnotationClient) -> None:
    number = client.draw(REGION)
    assert server.annotations[number]["time"] == 1_000_000
    assert server.annotations[number]["timeEnd"] == 4_600_000
    (found,) = client.drawn("area:TA <1> & co")
    assert (found.annotation_id, found.key) == (number, "a-1/2")
    assert found.shows(REGION)
    assert client.drawn("area:another") == []


def test_only_what_reaches_into_the_range_is_found(client: AnnotationClient) -> None:
    client.draw(REGION)
    assert len(client.drawn(since_s=4_600)) == 1
    assert client.drawn(since_s=4_601) == []


def test_a_region_is_moved_and_removed_and_one_that_is_gone_is_told(client: AnnotationClient) -> None:
    number, over = client.draw(REGION), replace(REGION, ends_s=9_000)
    assert client.move(number, over)
    (found,) = client.drawn()
    assert found.shows(over)
    assert client.remove(number)
    assert not client.move(number, over)
    assert not client.remove(number)


def test_whom_it_was_told_to_makes_no_other_region(client: AnnotationClient) -> None:
    client.draw(replace(REGION, tags=(*REGION.tags, UNTOLD)))
    (found,) = client.drawn()
    assert found.shows(REGION)


def test_somebodys_own_note_is_left_alone_and_a_region_of_before_is_the_first_episode(
    server: FakeGrafana, client: AnnotationClient
) -> None:
    server.add({"time": 1_000, "timeEnd": 1_000, "tags": ["meterwatch"], "text": "a person's note"})
    server.add({"time": 1_000, "timeEnd": 0, "tags": ["meterwatch", "alert:a-7"], "text": "of an older version"})
    assert [(d.key, d.begins_s, d.ends_s) for d in client.drawn()] == [("a-7/1", 1, 1)]


def test_more_regions_than_one_page_are_all_found(
    server: FakeGrafana, client: AnnotationClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_client, "PAGE", 10)
    for number in range(95):
        client.draw(replace(REGION, alert_id=f"a-{number}", tags=(*REGION.tags[:1], f"alert:a-{number}", "episode:1")))
    server.requests.clear()
    assert len({d.key for d in client.drawn()}) == 95
    assert server.requests == ["GET"] * 3


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
    server: FakeGrafana, client: AnnotationClient, status: int, body: str, error: type[Exception]
) -> None:
    server.fail_with = (status, body)
    with pytest.raises(error):
        client.draw(REGION)
    with pytest.raises(error):
        client.drawn()
    server.fail_with = None
    assert client.draw(REGION) == 1


def test_errors_are_those_of_the_ports() -> None:
    assert issubclass(GrafanaUnavailable, StoreUnavailable)
    assert issubclass(GrafanaRefused, StoreError)


def test_a_grafana_that_is_away_can_be_tried_again() -> None:
    with pytest.raises(GrafanaUnavailable, match="cannot be reached"):
        AnnotationClient("http://127.0.0.1:9", TOKEN).draw(REGION)


def test_a_wrong_token_is_refused_with_what_to_do(server: FakeGrafana) -> None:
    with pytest.raises(GrafanaRefused, match="METERWATCH_GRAFANA_TOKEN"):
        AnnotationClient(server.url, "wrong").draw(REGION)
    with pytest.raises(GrafanaRefused, match="METERWATCH_GRAFANA_TOKEN"):
        AnnotationClient(server.url, "wrong").ping()


def test_ping_names_the_version(client: AnnotationClient) -> None:
    assert client.ping() == "Grafana 11.6.0"


@pytest.mark.parametrize("url", ["grafana:3000", "", "ftp://grafana"])
def test_an_unusable_address_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="METERWATCH_GRAFANA_URL"):
        AnnotationClient(url, TOKEN)
