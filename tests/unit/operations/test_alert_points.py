"""Every move of an alert's life is a point, and the newest of them says whether it goes on."""

from __future__ import annotations

from dataclasses import replace

from metering.alert import Alert, AlertState
from metering.messages import Decision, Finding, Tick
from metering.points import SCHEMA, Point
from operations.derived_points import alert_points
from operations.handle_alert import ACKNOWLEDGED
from operations.judge_stage import JudgeStage
from storage.memory import MemoryStore
from tests.unit.operations.small_world import START_S, archive, messages

ARCHIVE = archive()
RAISED = Alert(
    "a-1", "A0", "M02", "SP-02", "over_capacity", "load", "high", 0.9, 1_000, None, AlertState.RAISED, 9.0, 4.0, "kW", (), 900
)  # fmt: skip
CLEARED = replace(RAISED, state=AlertState.CLEARED, cleared_at_s=2_000)
RETURNED = replace(RAISED, relapses=((2_000, 3_000),), episodes=2)


def written(*life: Alert) -> dict[int, Point]:
    """Time -> point, as the time-series store keeps them: a later write of the same time replaces fields by name."""
    kept: dict[int, Point] = {}
    for alert in life:
        for point in alert_points([alert], ARCHIVE):
            before = kept.get(point.time_s)
            kept[point.time_s] = replace(point, fields={**(before.fields if before else {}), **point.fields})
    return kept


def newest(points: dict[int, Point]) -> Point:
    return points[max(t for t, p in points.items() if "raised" in p.fields)]


def test_an_alert_is_a_point_when_it_is_raised_when_it_ends_and_when_it_returns() -> None:
    points = written(RAISED, CLEARED, RETURNED)
    assert {t: (p.fields["raised"], p.fields["episode"]) for t, p in points.items()} == {
        1_000: (1.0, 1.0),
        2_000: (0.0, 1.0),
        3_000: (1.0, 2.0),
    }
    assert newest(points).fields["raised"] == 1.0, "it goes on again"
    assert newest(written(RAISED, CLEARED)).fields["raised"] == 0.0


def test_what_an_inspection_said_is_on_the_point() -> None:
    withdrawn = written(RAISED, replace(RAISED, state=AlertState.WITHDRAWN, cleared_at_s=1_500))
    assert newest(withdrawn).fields["verdict"] == -1.0
    assert newest(withdrawn).fields["raised"] == 0.0
    confirmed = written(RAISED, replace(RAISED, state=AlertState.CONFIRMED))
    assert (newest(confirmed).fields["verdict"], newest(confirmed).fields["raised"]) == (1.0, 1.0)


def test_an_acknowledgement_and_a_finding_are_points_at_their_own_time() -> None:
    store = MemoryStore()
    stage = JudgeStage(ARCHIVE, store, lambda _: 0, owner="w1")
    stage.begin(0)
    offset = 0
    for _, message in messages(days=12):
        if isinstance(message, Tick) and message.time_s > START_S + 6 * 86_400 + 12 * 3600:
            break
        stage.handle(0, offset, message)
        offset += 1
    stage.save()
    raised = [a for a in store.alerts() if a.meter_id == "M02" and a.is_open]
    assert raised
    alert, at_s = raised[0], START_S + 7 * 86_400
    seen = Decision(f"{alert.alert_id}.1", "A0", at_s, ACKNOWLEDGED, "Li Na", alert.alert_id, {"episode": 1})
    unknown = replace(seen, subject_id="a-unknown")
    for message in (seen, unknown, Finding("f-1", "A0", "M02", at_s + 60, True, "over_capacity", "Li Na")):
        stage.handle(0, offset, message)
        offset += 1
    stage.save()
    points = [p for batch in store.point_batches(10_000) for p in batch.points if p.measurement == "alert"]
    own = [p for p in points if p.tags["alert_id"] == alert.alert_id]
    assert [p.fields for p in own if "acknowledged" in p.fields] == [{"acknowledged": 1.0, "episode": 1.0}]
    assert [p.time_s for p in own if "acknowledged" in p.fields] == [at_s]
    assert {"verdict": 1.0} in [p.fields for p in own if p.time_s == at_s + 60]
    assert not [p for p in points if p.tags["alert_id"] == "a-unknown"]
    assert all(set(p.fields) <= set(SCHEMA["alert"].fields) for p in points)
