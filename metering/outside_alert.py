"""An alert of another monitor about this one, for example Grafana's "no points since ten minutes"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

OutsideStatus = Literal["firing", "resolved"]


@dataclass(frozen=True, slots=True)
class OutsideAlert:
    """One alert of `source`; (`source`, `fingerprint`, `starts_at_s`) is what makes it one, however often it is sent.

    Times are epoch seconds. `announced_at_s` is None until people were told; a resolved one ends at `ends_at_s`.
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
    times_received: int = 1
    announced_at_s: int | None = None
