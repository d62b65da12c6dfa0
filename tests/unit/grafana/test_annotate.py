"""Annotations follow the alerts of the store, over outages of Grafana and restarts of the writer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from grafana.annotate import RECENT_S, AlertAnnotations
from grafana.client import AnnotationWriter, GrafanaUnavailable
from metering.alert import Alert
from tests.unit.grafana.fake_grafana import CLEARED, RAISED, FakeGrafana


class Alerts:
    """The store's alerts, as a list."""

    def __init__(self, *alerts: Alert) -> None:
        self.kept = list(alerts)

    def alerts(self) -> Sequence[Alert]:
        return self.kept


def test_only_changed_alerts_are_written(server: FakeGrafana, writer: AnnotationWriter) -> None:
    source = Alerts(RAISED)
    annotations = AlertAnnotations(source, writer)
    assert [annotations.bring_up_to_date(), annotations.bring_up_to_date()] == [1, 0]
    source.kept = [replace(CLEARED, revision=2), replace(RAISED, alert_id="a-2")]
    assert annotations.bring_up_to_date() == 2
    assert [a["timeEnd"] for a in server.annotations.values()] == [4_600_000, 1_000_000]


def test_an_alert_that_came_and_went_unseen_is_written_all_the_same(
    server: FakeGrafana, writer: AnnotationWriter
) -> None:
    annotations = AlertAnnotations(Alerts(CLEARED), writer)
    assert annotations.bring_up_to_date() == 1
    assert server.annotations[1]["timeEnd"] == 4_600_000


def test_what_grafana_missed_is_written_when_it_is_back(server: FakeGrafana, writer: AnnotationWriter) -> None:
    annotations = AlertAnnotations(Alerts(RAISED, replace(RAISED, alert_id="a-2")), writer)
    server.fail_with = (503, '{"message": "starting"}')
    with pytest.raises(GrafanaUnavailable):
        annotations.bring_up_to_date()
    server.fail_with = None
    assert annotations.bring_up_to_date() == 2
    assert len(server.annotations) == 2


def test_a_restart_writes_nothing_twice_and_ends_what_ended_meanwhile(
    server: FakeGrafana, writer: AnnotationWriter
) -> None:
    AlertAnnotations(Alerts(RAISED, replace(RAISED, alert_id="a-2")), writer).bring_up_to_date()
    AlertAnnotations(Alerts(CLEARED, replace(RAISED, alert_id="a-2")), writer).bring_up_to_date()
    assert [a["timeEnd"] for a in server.annotations.values()] == [4_600_000, 1_000_000]


def test_a_start_leaves_the_long_past_alone_but_never_an_open_alert(
    server: FakeGrafana, writer: AnnotationWriter
) -> None:
    newest_s = CLEARED.raised_at_s + 10 * RECENT_S
    source = Alerts(CLEARED, replace(RAISED, alert_id="a-2"), replace(RAISED, alert_id="a-3", raised_at_s=newest_s))
    AlertAnnotations(source, writer).bring_up_to_date()
    assert [a["tags"][1] for a in server.annotations.values()] == ["alert:a-2", "alert:a-3"]
