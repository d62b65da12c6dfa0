"""What is suspected just now anywhere: conditions on their way to an alert, as the area stage saved them with its checkpoints."""

from __future__ import annotations

from alerts.suspicions import nearest_first, suspicions_in
from metering.archive import Archive
from metering.catalogue import CATALOGUE
from metering.ports import StateStore
from metering.suspicion import Suspicion
from operations.area import SUSPECTED_PAGE


def suspected(
    store: StateStore, archive: Archive, now_s: int, *, transformer_area: str = "", lane: str = "", family: str = ""
) -> list[Suspicion]:
    """Hazards first, then what becomes an alert the soonest; an empty filter is none."""
    areas = [transformer_area] if transformer_area else list(archive.areas)
    found = (s for page in store.pages_named(SUSPECTED_PAGE, areas).values() for s in suspicions_in(page))
    return nearest_first(
        (
            s
            for s in found
            if lane in ("", CATALOGUE[s.abnormality].lane) and family in ("", CATALOGUE[s.abnormality].family)
        ),
        now_s,
    )
