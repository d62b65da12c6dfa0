"""The webhook's message is Alertmanager's, version 4, and says nothing about people."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from metering.announcement import Turn
from metering.notification import Line, Notification
from notify.alertmanager import NO_END, payload
from notify.examples import EXAMPLES, NIGHT_S
from tests.unit.notify.made_notifications import START_S, WRITER, calm, line, notification

KEYS = {
    "receiver", "status", "alerts", "groupLabels", "commonLabels", "commonAnnotations", "externalURL", "version",
    "groupKey", "truncatedAlerts",
}  # fmt: skip
ALERT_KEYS = {"status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda n: f"{n.kind}-{n.group}")
def test_every_kind_has_the_fields_and_types_of_version_4(example: Notification) -> None:
    told = payload(example, WRITER)
    assert set(told) == KEYS
    assert told["version"] == "4"
    assert told["alerts"]
    for alert in told["alerts"]:
        assert set(alert) == ALERT_KEYS
        assert alert["status"] in ("firing", "resolved")
        assert len(alert["fingerprint"]) == 16
        for labels in (alert["labels"], alert["annotations"]):
            assert all(isinstance(k, str) and isinstance(v, str) for k, v in labels.items())
        for key, value in told["commonLabels"].items():
            assert alert["labels"][key] == value
        assert alert["annotations"]["notification_id"] == example.notification_id


def test_it_fires_while_one_of_its_alerts_does() -> None:
    over, still = line(1, Turn.CLEARED), line(2)
    assert payload(notification(1, "ended", lines=[over]), WRITER)["status"] == "resolved"
    assert payload(notification(1, "ended", lines=[over, still]), WRITER)["status"] == "firing"


def test_an_alert_is_known_again_when_it_ends() -> None:
    raised = line(1, Turn.RAISED, START_S)
    ended = replace(raised, turn=Turn.CLEARED, at_s=START_S + 600, since_s=START_S, grade="low")
    (first,), (second,) = (payload(notification(1, lines=[each]), WRITER)["alerts"] for each in (raised, ended))
    assert (first["labels"], first["fingerprint"]) == (second["labels"], second["fingerprint"])
    assert (first["startsAt"], first["endsAt"]) == ("2026-01-12T12:00:00Z", NO_END)
    assert (second["startsAt"], second["endsAt"]) == ("2026-01-12T12:00:00Z", "2026-01-12T12:10:00Z")


def test_what_is_cut_off_is_counted_and_its_reasons_are_named() -> None:
    many = notification(1, lines=[line(n) for n in range(30)])
    told = payload(replace(many, left_out=(("no_room", 4),)), WRITER)
    assert (len(told["alerts"]), told["truncatedAlerts"]) == (20, 10)
    assert told["commonAnnotations"]["left_out"] == "no_room: 4"


@pytest.mark.parametrize(("urgency", "severity"), [("page", "critical"), ("morning", "warning"), ("none", "info")])
def test_the_severity_of_what_has_no_row_in_the_catalogue_is_the_notifications(urgency: Any, severity: str) -> None:
    foreign = Line("a-1", "disk_full", "server", "high", Turn.RAISED, NIGHT_S, "disk full")
    told = payload(notification(1, urgency=urgency, lines=[foreign]), WRITER)
    assert told["commonLabels"]["severity"] == severity
    assert payload(calm(1), WRITER)["commonLabels"]["severity"] == "critical"  # a lost neutral is what it is


def test_a_notice_without_lines_is_one_alert_that_is_over() -> None:
    notice = replace(notification(1, "notice", lines=[]), note="a silence ends at 08:00")
    told = payload(notice, WRITER)
    assert told["status"] == "resolved"
    (alert,) = told["alerts"]
    assert "a silence ends at 08:00" in alert["annotations"]["summary"]
