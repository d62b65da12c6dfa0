"""A silence: what people do not want to hear of for a while, where, of which kind, until when, and who answers for it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from metering.alert import Alert
from metering.archive import WorkOrder
from metering.catalogue import CATALOGUE
from metering.place import Place
from metering.times import DAY_S

#: `silence`: for now; `work`: planned work, mostly announced beforehand; `whitelist`: known to be as it is.
SilenceKind = Literal["silence", "work", "whitelist"]
SILENCE_KINDS: tuple[SilenceKind, ...] = get_args(SilenceKind)
#: What is longer than this is no longer "for a while": somebody has to think of it again.
LONGEST_S: Mapping[SilenceKind, int] = {"silence": 92 * DAY_S, "work": 31 * DAY_S, "whitelist": 366 * DAY_S}
#: People are told this long before a silence ends; of a shorter one when half of it is over.
NOTICE_S = DAY_S


@dataclass(frozen=True, slots=True)
class Silence:
    """In force while `start_s` <= event time < `until_s`; None = any. All that is named must match.

    `meter_id`, `customer_id`, `transformer_area` and `feeder` say where, `abnormality` and `family` of which kind.
    Hazards go through it unless `even_hazards`. `areas` are those whose logs carry it.
    """

    silence_id: str
    transformer_area: str | None
    meter_id: str | None
    abnormality: str | None
    until_s: int
    by: str
    reason: str
    start_s: int = 0
    customer_id: str | None = None
    feeder: str | None = None
    family: str | None = None
    kind: SilenceKind = "silence"
    even_hazards: bool = False
    areas: tuple[str, ...] = ()

    def covers(self, alert: Alert, place: Place, at_s: int) -> bool:
        """Whether nobody is to be told of this alert, which stands at `place`, at `at_s`."""
        return (
            self.in_force(at_s)
            and self.concerns(place)
            and self.abnormality in (None, alert.abnormality)
            and self.family in (None, alert.family)
            and (self.even_hazards or CATALOGUE[alert.abnormality].lane != "hazard")
        )

    def in_force(self, at_s: int) -> bool:
        return self.start_s <= at_s < self.until_s

    def concerns(self, place: Place) -> bool:
        """Whether it is about this place, of whatever kind and at whatever time."""
        return (
            self.transformer_area in (None, place.transformer_area)
            and self.meter_id in (None, place.meter_id)
            and self.customer_id in (None, place.customer_id)
            and self.feeder in (None, place.feeder)
        )

    @property
    def of_every_kind(self) -> bool:
        return self.abnormality is None and self.family is None

    @property
    def notice_from_s(self) -> int:
        """From when on people are told that it ends."""
        return max(self.until_s - NOTICE_S, (self.start_s + self.until_s) // 2)

    @property
    def notice_id(self) -> str:
        """The same for one end of one silence, so that its notice is given once; a new one where the end is moved."""
        return f"{self.silence_id}.{self.until_s}"


def silence_of(told: Mapping[str, Any]) -> Silence:
    """A silence as it was written down, by whichever version."""
    areas = told.get("areas") or [area for area in (told["transformer_area"],) if area is not None]
    return Silence(**{**told, "areas": tuple(areas)})


def ending_soon(silences: Iterable[Silence], now_s: int, noticed: Container[str] = ()) -> tuple[Silence, ...]:
    """Those in force whose end people should hear of now, the soonest first; `noticed` holds the `notice_id` of notices given."""
    ending = [s for s in silences if s.in_force(now_s) and now_s >= s.notice_from_s and s.notice_id not in noticed]
    return tuple(sorted(ending, key=lambda s: (s.until_s, s.silence_id)))


def covered_by(silences: Iterable[Silence], alert: Alert, place: Place, at_s: int) -> Silence | None:
    """The silence that holds the alert back, the one that ends last where there are several; None where nothing does."""
    covering = (s for s in silences if s.covers(alert, place, at_s))
    return max(covering, key=lambda s: (s.until_s, s.silence_id), default=None)


def in_work_window(works: Iterable[WorkOrder], alert: Alert, place: Place, at_s: int) -> WorkOrder | None:
    """The recorded work in which the alert was to be expected, the one that ends last; None where there is none.

    A work at a meter covers that meter, one in an area all that the area claims. Hazards go through: who works there is the
    first who has to know.
    """
    if CATALOGUE[alert.abnormality].lane == "hazard":
        return None
    covering = (w for w in works if w.start_s <= at_s < w.end_s and _is_worked_on(w, place))
    return max(covering, key=lambda w: (w.end_s, w.kind), default=None)


def _is_worked_on(work: WorkOrder, place: Place) -> bool:
    if work.meter_id is not None:
        return work.meter_id == place.meter_id
    return work.transformer_area == place.transformer_area
