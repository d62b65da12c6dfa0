"""Which turns of an area's alerts are said: each opening, return and end once, unless a stage stops it.

What is stopped is held and asked again; what was said has its end said too; what ended before it was said is never said.
The announcer remembers what people were told, so that a restart neither repeats nor forgets it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from alerts.stages import SETTLED_AFTER_S, Circumstances, flapping, why_stopped
from metering.alert import Alert, AlertState
from metering.announcement import Announcement, Stopped, Turn
from metering.catalogue import CATALOGUE

NEVER_SAID = Stopped("life", "over_before_it_was_said")
_ENDS: Mapping[AlertState, Turn] = {
    AlertState.CLEARED: Turn.CLEARED,
    AlertState.CONFIRMED: Turn.CONFIRMED,
    AlertState.WITHDRAWN: Turn.WITHDRAWN,
}


@dataclass(frozen=True, slots=True)
class _Told:
    """What people believe of an alert: the last turn that was said, and of which episode."""

    turn: Turn
    episode: int


@dataclass(frozen=True, slots=True)
class _Flap:
    """An alert of which people know that it comes and goes: how it stands, and since when."""

    turn: Turn
    episode: int
    moved_at_s: int


class Announcer:
    """Of one transformer area. `take` is called with every change of its alerts, `again` whenever time has passed."""

    def __init__(self) -> None:
        self._told: dict[str, _Told] = {}
        self._held: dict[str, Stopped] = {}
        self._flaps: dict[str, _Flap] = {}

    @property
    def holds(self) -> bool:
        """Whether some alert waits for the end of what stops it."""
        return bool(self._held or self._flaps)

    def take(self, alerts: Iterable[Alert], around: Circumstances) -> list[Announcement]:
        """The turns that these changed alerts took, said or stopped; most changes are no turn."""
        told: list[Announcement] = []
        for alert in alerts:
            if CATALOGUE[alert.abnormality].urgency != "none":
                told += self._turned(alert, around)
        return told

    def again(self, alerts: Mapping[str, Alert], around: Circumstances) -> list[Announcement]:
        """Those held that nothing stops any more; `alerts` are the area's, by id."""
        told: list[Announcement] = []
        for alert_id in sorted({*self._held, *self._flaps}):
            if alert_id in alerts:
                told += self._turned(alerts[alert_id], around)
            else:
                self._held.pop(alert_id, None)
                self._flaps.pop(alert_id, None)
        return told

    def _turned(self, alert: Alert, around: Circumstances) -> list[Announcement]:
        turn = self._turn_of(alert)
        flap = self._flaps.get(alert.alert_id)
        if flap is not None:
            return self._while_flapping(alert, turn, flap, around)
        if turn is None:
            return []
        if turn.is_end:
            return self._end(alert, turn, around)
        stopped = why_stopped(alert, around)
        if stopped is None:
            return [self._say(alert, turn, around)]
        if stopped.stage == flapping.__name__:
            self._say(alert, turn, around)
            self._flaps[alert.alert_id] = _Flap(turn, alert.episodes, around.at_s)
            return [_announcement(alert, Turn.FLAPPING, around, None)]
        if self._held.get(alert.alert_id) == stopped:
            return []
        self._held[alert.alert_id] = stopped
        return [_announcement(alert, turn, around, stopped)]

    def _turn_of(self, alert: Alert) -> Turn | None:
        """What people do not know yet; None where they know how it stands."""
        told = self._told.get(alert.alert_id)
        if alert.is_open:
            if told is not None and not told.turn.is_end and told.episode >= alert.episodes:
                return None
            return Turn.RETURNED if alert.episodes > 1 else Turn.RAISED
        over = alert.cleared_at_s is not None and alert.state is AlertState.CONFIRMED
        turn = Turn.CLEARED if over else _ENDS[alert.state]
        if told is None:
            return turn if alert.alert_id in self._held else None
        return None if told.turn is turn else turn

    def _end(self, alert: Alert, turn: Turn, around: Circumstances) -> list[Announcement]:
        """Whoever was told of it is told that it is over, whatever stops the beginning of others."""
        if alert.alert_id in self._told:
            return [self._say(alert, turn, around)]
        self._held.pop(alert.alert_id, None)
        return [_announcement(alert, turn, around, NEVER_SAID)]

    def _while_flapping(
        self, alert: Alert, turn: Turn | None, flap: _Flap, around: Circumstances
    ) -> list[Announcement]:
        """What a person decided is said at once; else, when it has settled, how it stands if that is news."""
        decided = turn in (Turn.CONFIRMED, Turn.WITHDRAWN)
        if turn is not None and not decided and (turn, alert.episodes) != (flap.turn, flap.episode):
            self._flaps[alert.alert_id] = _Flap(turn, alert.episodes, around.at_s)
            return [_announcement(alert, turn, around, Stopped(flapping.__name__, "comes_and_goes"))]
        if not decided and around.at_s - flap.moved_at_s < SETTLED_AFTER_S:
            return []
        del self._flaps[alert.alert_id]
        return [] if turn is None else [self._say(alert, turn, around)]

    def _say(self, alert: Alert, turn: Turn, around: Circumstances) -> Announcement:
        self._held.pop(alert.alert_id, None)
        if turn in (Turn.CLEARED, Turn.WITHDRAWN):
            self._told.pop(alert.alert_id, None)
        else:
            self._told[alert.alert_id] = _Told(turn, alert.episodes)
        return _announcement(alert, turn, around, None)

    # --- state, as it is saved

    def dump(self) -> bytes:
        story = {
            "told": {alert_id: [t.turn, t.episode] for alert_id, t in sorted(self._told.items())},
            "held": {alert_id: [h.stage, h.reason, h.detail] for alert_id, h in sorted(self._held.items())},
            "flaps": {alert_id: [f.turn, f.episode, f.moved_at_s] for alert_id, f in sorted(self._flaps.items())},
        }
        return json.dumps(story).encode()

    def load(self, page: bytes) -> None:
        story = json.loads(page)
        self._told = {alert_id: _Told(Turn(turn), episode) for alert_id, (turn, episode) in story["told"].items()}
        self._held = {alert_id: Stopped(*stopped) for alert_id, stopped in story["held"].items()}
        self._flaps = {alert_id: _Flap(Turn(turn), *rest) for alert_id, (turn, *rest) in story["flaps"].items()}


def _announcement(alert: Alert, turn: Turn, around: Circumstances, stopped: Stopped | None) -> Announcement:
    row = around.area.row_of.get(alert.meter_id or "")
    meters = around.area.meters
    feeder = next((m.feeder for m in ([] if row is None else [meters[row]]) + list(meters[:1]) if m.feeder), "")
    return Announcement(
        alert.alert_id,
        alert.transformer_area,
        alert.meter_id,
        alert.abnormality,
        alert.grade,
        CATALOGUE[alert.abnormality].urgency,
        turn,
        around.at_s,
        alert.episodes,
        feeder or "",
        stopped=stopped,
    )
