"""An alert of another monitor about this one, for example Grafana's "no points since ten minutes"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from metering.identity import identity

OutsideStatus = Literal["firing", "resolved"]


@dataclass(frozen=True, slots=True)
class OutsideAlert:
    """One alert of `source`; (`source`, `fingerprint`, `starts_at_s`) is what makes it one, however often it is sent.

    `starts_at_s` and `ends_at_s` are the sender's; `received_at_s` and `resolved_at_s` say when it, and its end, came in, in
    event time. `announced` is the status that people were told of last, empty before the first time.
    """

    source: str
    fingerprint: str
    starts_at_s: int
    status: OutsideStatus
    title: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    received_at_s: int
    ends_at_s: int | None = None
    resolved_at_s: int | None = None
    times_received: int = 1
    announced: Literal["", "firing", "resolved"] = ""

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.source, self.fingerprint, self.starts_at_s)

    @property
    def alert_id(self) -> str:
        """The number under which it is announced, and acknowledged."""
        return identity("outside", *self.key)
