"""What came of what each detector said: visits, how many of them found something, and how sure that share is."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from metering.alert import Alert

#: Two-sided 95 %.
_SIGMAS = 1.959964
#: The catalogue's weight of a kind counts as much as so many visits.
VISITS_OF_THE_CATALOGUE = 4
#: Who says that a meter without an alert is worth a visit, and of which kind.
RANKER, EXPLORATION, NO_KIND = "ranker", "exploration", "-"


@dataclass(frozen=True, slots=True)
class Precision:
    """One detector's word on one abnormality: how often it sent somebody, and was right. `right_kind`: the finding named it."""

    detector: str
    abnormality: str
    visited: int
    confirmed: int
    right_kind: int

    @property
    def share(self) -> float:
        return self.confirmed / self.visited

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the share; wide where few were visited.

        >>> [round(x, 2) for x in Precision("d", "bypass", 10, 8, 8).interval]
        [0.49, 0.94]
        """
        n, p, z2 = self.visited, self.share, _SIGMAS**2
        centre = (p + z2 / (2 * n)) / (1 + z2 / n)
        reach = _SIGMAS / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        return max(centre - reach, 0.0), min(centre + reach, 1.0)


@dataclass(frozen=True, slots=True)
class Sent:
    """An open task; `explores`: it was opened to learn from. `kind` is what was thought most probable."""

    task_id: str
    opened_at_s: int
    explores: bool
    kind: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """A finding, and what had been said before it: the most probable `kind`, and (detector, abnormality) pairs."""

    finding_id: str
    meter_id: str
    confirmed: bool
    abnormality: str | None
    kind: str
    said: tuple[tuple[str, str], ...]


class TrackRecord:
    """Who was sent where, and the verdicts of all findings that answered; each can be taken back."""

    def __init__(self) -> None:
        self._verdicts: dict[str, Verdict] = {}
        self._sent: dict[str, Sent] = {}

    def sent(self, meter_id: str, sent: Sent) -> None:
        """A task was opened for this meter."""
        self._sent[meter_id] = sent

    def answered(self, meter_id: str, found_at_s: int) -> Sent | None:
        """The task that a finding at this meter answers, once; None where none was opened before it."""
        sent = self._sent.get(meter_id)
        if sent is None or found_at_s < sent.opened_at_s:
            return None
        return self._sent.pop(meter_id)

    def explores(self, task_id: str) -> bool:
        """Whether the task was opened to learn from."""
        return any(s.task_id == task_id and s.explores for s in self._sent.values())

    def add(self, verdict: Verdict) -> None:
        self._verdicts[verdict.finding_id] = verdict

    def take_back(self, finding_id: str) -> Verdict | None:
        """Forget a finding that was undone; None where it answered no task."""
        return self._verdicts.pop(finding_id, None)

    def precisions(self) -> list[Precision]:
        """By detector, then abnormality."""
        counts: dict[tuple[str, str], list[int]] = {}
        for verdict in self._verdicts.values():
            for pair in verdict.said:
                count = counts.setdefault(pair, [0, 0, 0])
                count[0] += 1
                count[1] += verdict.confirmed
                count[2] += verdict.confirmed and verdict.abnormality == pair[1]
        return [Precision(*pair, *count) for pair, count in sorted(counts.items())]

    def visited_kinds(self) -> list[str]:
        """What was found, or thought to be, at each visit, the oldest first."""
        return [v.abnormality or v.kind for v in self._verdicts.values()] + [s.kind for s in self._sent.values()]

    def borne_out(self, weight_of: Iterable[tuple[str, float]]) -> dict[str, float]:
        """How probable a case is behind each kind of alert: its weight in the catalogue, moved by what visits found."""
        visited: dict[str, list[int]] = {}
        for p in self.precisions():
            count = visited.setdefault(p.abnormality, [0, 0])
            count[0] += p.visited
            count[1] += p.confirmed
        return {
            code: (weight * VISITS_OF_THE_CATALOGUE + visited[code][1]) / (VISITS_OF_THE_CATALOGUE + visited[code][0])
            for code, weight in weight_of
            if code in visited
        }

    def dump(self) -> bytes:
        told = {
            "verdicts": [asdict(v) for v in self._verdicts.values()],
            "sent": {meter: asdict(s) for meter, s in self._sent.items()},
        }
        return json.dumps(told).encode()

    def load(self, page: bytes) -> None:
        told = json.loads(page)
        self._sent = {meter: Sent(**row) for meter, row in told["sent"].items()}
        self._verdicts = {
            row["finding_id"]: Verdict(**row | {"said": tuple((d, a) for d, a in row["said"])})
            for row in told["verdicts"]
        }


def said_by(alerts: Sequence[Alert], *, explored: bool) -> tuple[tuple[str, str], ...]:
    """Which detectors claimed what when somebody was sent; the ranker where there was no alert."""
    pairs = {(r.detector, a.abnormality) for a in alerts for r in a.reasons if r.supports}
    if not pairs:
        return ((EXPLORATION if explored else RANKER, NO_KIND),)
    return tuple(sorted(pairs))
