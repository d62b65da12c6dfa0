"""What Grafana shows of an alert: one region for each of its episodes, from its beginning to its end or to the log's clock.

A region's tags are its key and its state; its text names kind, place and state, and leads to the desk: no name, address or
load curve leaves it.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from alerts.watch import RULES
from metering.alert import Alert, AlertState
from metering.announcement import Announcement, Stopped
from metering.catalogue import CATALOGUE
from metering.watch import WatchStanding

TAG = "meterwatch"
#: It goes on: the alert is raised, or confirmed and its condition not gone.
OPEN = "ongoing"
#: Nobody is told of it; a tag that changes without anything else having changed.
UNTOLD = "told:no"
#: Of an alert that comes and goes without end the newest episodes are kept up.
EPISODES_KEPT = 10
#: An open region follows the clock in steps of a quarter of an hour, and of a sixteenth of its length once that is more.
SHORTEST_STEP_S, STEPS = 900, 16
_ENDED = {
    AlertState.RAISED: "",
    AlertState.CLEARED: ", over",
    AlertState.CONFIRMED: ", confirmed",
    AlertState.WITHDRAWN: ", withdrawn",
}


@dataclass(frozen=True, slots=True)
class Region:
    """One region. Times are epoch seconds; `tags` are all it is found and told apart by."""

    alert_id: str
    episode: int
    begins_s: int
    ends_s: int
    tags: tuple[str, ...]
    text: str

    @property
    def key(self) -> str:
        return f"{self.alert_id}/{self.episode}"

    @property
    def is_open(self) -> bool:
        return OPEN in self.tags


def reach_s(begins_s: int, clock_s: int) -> int:
    """Up to where an open region is drawn: never beyond the clock, never back, and moved seldom.

    >>> reach_s(0, 899), reach_s(0, 1900), reach_s(0, 30 * 86_400 + 5)
    (0, 1800, 2534400)
    """
    length_s, step_s = max(0, clock_s - begins_s), SHORTEST_STEP_S
    while length_s >= 2 * STEPS * step_s:
        step_s *= 2
    return begins_s + length_s // step_s * step_s


def regions_of(
    alert: Alert, clock_s: int, *, desk_url: str = "", said: Sequence[Announcement] = ()
) -> Iterator[Region]:
    """The newest episodes of an alert, the oldest first. What an inspection said holds for all of them; `said` are the
    alert's announcements: where all of an episode were stopped, its region says that nobody was told, and why."""
    ends = [end for end, _ in alert.relapses]
    begins = [alert.raised_at_s, *(start for _, start in alert.relapses)]
    for index in range(max(0, len(begins) - EPISODES_KEPT), len(begins)):
        begins_s, is_last = begins[index], index == len(begins) - 1
        # of very many episodes the alert itself names the latest
        number = alert.episodes - (len(begins) - 1 - index)
        state = alert.state
        if not is_last and state is AlertState.RAISED:
            state = AlertState.CLEARED
        ended_s = alert.cleared_at_s if is_last else ends[index]
        ends_s = reach_s(begins_s, clock_s) if ended_s is None else ended_s
        stopped = _stopped([each for each in said if each.episode == number])
        tags = [
            TAG,
            f"alert:{alert.alert_id}",
            f"episode:{number}",
            f"area:{alert.transformer_area}",
            f"state:{state.value}",
            f"grade:{alert.grade}",
            *([OPEN] if ended_s is None else []),
        ]
        row = CATALOGUE.get(alert.abnormality)
        name = alert.abnormality if row is None else row.name_en
        claim = name if alert.state is AlertState.CONFIRMED else f"suspected: {name}"
        again = f", relapse {number - 1}" if number > 1 else ""
        told = "" if stopped is None else f", nobody told: {stopped.reason.replace('_', ' ')}"
        line = f"{claim} in {alert.transformer_area} ({alert.grade}{_ENDED[state]}{again}{told})"
        yield Region(
            alert.alert_id,
            number,
            begins_s,
            max(begins_s, ends_s),
            (*tags, UNTOLD) if stopped is not None else tuple(tags),
            _text(line, alert.alert_id, f"{desk_url}/alerts/{quote(alert.alert_id)}" if desk_url else ""),
        )


def _stopped(said: Sequence[Announcement]) -> Stopped | None:
    """Why nobody was told of an episode; None where somebody was, or where nothing was to be said."""
    began = [each for each in said if not each.turn.is_end]
    return began[-1].stopped if began and all(each.stopped is not None for each in began) else None


def watch_region(standing: WatchStanding, now_s: float, *, desk_url: str = "") -> Region | None:
    """The newest episode of an alarm of the monitor itself, by the wall clock; None where it never opened."""
    rule = RULES.get(standing.rule)
    if rule is None or standing.opened_at_s is None:
        return None
    begins_s = int(standing.opened_at_s)
    over = not standing.open and standing.ended_at_s is not None
    ends_s = int(standing.ended_at_s or begins_s) if over else reach_s(begins_s, int(now_s))
    subject = f" {standing.subject}" if standing.subject else ""
    state = AlertState.CLEARED if over else AlertState.RAISED
    tags = [TAG, f"alert:{standing.alert_id}", f"episode:{standing.episode}", "watch", f"state:{state.value}"]
    if not over:
        tags.append(OPEN)
    return Region(
        standing.alert_id,
        standing.episode,
        begins_s,
        max(begins_s, ends_s),
        tuple(tags),
        _text(f"the monitor itself: {rule.name_en}{subject}{_ENDED[state]}", standing.alert_id, desk_url),
    )


def _text(line: str, number: str, address: str) -> str:
    text = html.escape(line)
    return f'{text}\n<a href="{html.escape(address)}">{html.escape(number)}</a>' if address else text
