"""`efficiency`: who uses much electricity, and uses it worse than peers."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from monitor.state import settings_of
from monitor.stores import open_existing_store
from operations.area import AreaInProgress
from operations.efficiency import uses_of
from service.efficiency import Advice, advise


def efficiency(run: Path | None, *, least_kwh_a_day: float, most: int) -> list[dict[str, Any]]:
    """The customers farthest from their peers over all areas, at most so many, by what is stored of every area."""
    store = open_existing_store(settings_of(run))
    try:
        archive, uses = store.load_archive(), []
        for name, members in archive.areas.items():
            area = AreaInProgress(archive, members, {})
            area.restore(store.load_pages(name))
            uses += uses_of(area)
    finally:
        store.close()
    return [_told(advice) for advice in advise(uses, least_kwh_a_day=least_kwh_a_day)[:most]]


def _told(advice: Advice) -> dict[str, Any]:
    use = {name: _rounded(value) for name, value in asdict(advice.use).items()}
    figures = [{name: _rounded(value) for name, value in asdict(figure).items()} for figure in advice.figures]
    return {**use, "peers": advice.peers, "below_peers": figures}


def _rounded(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return round(value, 3) if math.isfinite(value) else None
