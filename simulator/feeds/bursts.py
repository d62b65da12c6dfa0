"""When a feed is played at the pace of a clock: the frames of an interval leave in bursts, as concentrators send them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b

from simulator.feeds.publication import Sent

#: Nothing of an interval leaves sooner or later after its end than this, where intervals last five minutes or more.
SOONEST_S, LATEST_S = 5, 240
#: One concentrator in eight is slow: it comes after a minute and a half. The others do within it.
SLOW_SHARE, USUAL_WITHIN_S = 0.125, 90
#: How far a concentrator strays from its own moment, and how often it has to dial again, which costs up to a minute.
JITTER_S, REDIAL_SHARE, REDIAL_S = 6, 0.02, 60
#: In shorter intervals everything happens in proportion, so that one is through before the next one's first.
FULL_LENGTH_S = 300


@dataclass(frozen=True, slots=True)
class BurstTimes:
    """When each area's concentrator uploads an interval: its own moment after the interval's end, a little different each time.

    Most come within 5 to 90 seconds, a tail takes up to four minutes. The same seed gives the same moments.
    """

    step_s: int
    seed: int = 1

    def after_end_s(self, transformer_area: str, end_s: int) -> int:
        """Whole seconds from the end of an interval until the area's burst.

        >>> times = BurstTimes(900)
        >>> [times.after_end_s(area, 900) for area in ("A0001", "A0002", "A0003")]
        [21, 211, 22]
        """
        habit, slow = _unit(self.seed, transformer_area), _unit(self.seed, transformer_area, "slow")
        if slow < SLOW_SHARE:
            moment_s = USUAL_WITHIN_S + (LATEST_S - USUAL_WITHIN_S) * habit**2
        else:
            moment_s = SOONEST_S + (USUAL_WITHIN_S - SOONEST_S) * habit
        moment_s += JITTER_S * (2 * _unit(self.seed, transformer_area, end_s) - 1)
        redial = _unit(self.seed, transformer_area, end_s, "redial") / REDIAL_SHARE
        if redial < 1:
            moment_s += REDIAL_S * redial
        scale = min(1.0, self.step_s / FULL_LENGTH_S)
        return int(scale * min(max(moment_s, SOONEST_S), LATEST_S))


def in_bursts(messages: Iterable[Sent], times: BurstTimes) -> Iterator[Sent]:
    """The same messages, each area's at its own moment after the end of the interval; in that order.

    What lies between two ticks is held until the later one is known, and goes out before it: frames, events and findings area by
    area as their concentrators come, each area's in their old order, then the tick, with the last of them. So every partition
    holds the same ticks after the same messages of the same areas as without bursts, and what is judged is the same. Only times
    change and the order between areas; times never go back.
    """
    clock_s = 0
    for burst in _in_order_of_leaving(messages, times):
        clock_s = max(clock_s, burst.event_time_s)
        yield replace(burst, event_time_s=clock_s)


def _in_order_of_leaving(messages: Iterable[Sent], times: BurstTimes) -> Iterator[Sent]:
    held: list[Sent] = []
    for sent in messages:
        if sent.transformer_area is not None:
            held.append(sent)
            continue
        yield from _by_moment(held, sent.event_time_s, times)
        yield sent
        held = []
    yield from held


def _by_moment(held: Iterable[Sent], end_s: int, times: BurstTimes) -> list[Sent]:
    moments: dict[str, int] = {}
    timed = []
    for sent in held:
        area = sent.transformer_area or ""
        if area not in moments:
            moments[area] = end_s + times.after_end_s(area, end_s)
        timed.append(replace(sent, event_time_s=moments[area]))
    return sorted(timed, key=lambda sent: sent.event_time_s)


def _unit(*of: object) -> float:
    """A number in [0, 1) that these words and numbers name."""
    digest = blake2b(repr(of).encode(), digest_size=7).digest()
    return int.from_bytes(digest) / 2**56
