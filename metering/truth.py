"""What is truly abnormal in a feed: read by evaluation and by the simulated inspector, never by a detector."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TruthCase:
    """One case. A case of a whole area names the supply meter. `end_s` is None where it lasts to the feed's end."""

    meter_id: str
    abnormality: str
    start_s: int
    end_s: int | None
