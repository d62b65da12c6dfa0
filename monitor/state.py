"""`state show` and `state reset`: what is remembered of a transformer area."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from metering.errors import MeterwatchError, SettingsError
from metering.times import iso
from monitor.replay import STATE_FILE
from monitor.settings import Settings, load_settings
from monitor.stores import open_store
from operations.area import AreaInProgress

#: So many meters whose error is surely largest are shown of an area.
CANDIDATES_SHOWN = 20


def settings_of(run: Path | None) -> Settings:
    settings = load_settings()
    if run is None:
        return settings
    if not (run / STATE_FILE).exists():
        raise SettingsError(f"{run} holds no {STATE_FILE}: give --run a RUN folder")
    return settings.model_copy(update={"database_url": f"sqlite:///{run / STATE_FILE}"})


def show_state(transformer_area: str, run: Path | None) -> dict[str, Any]:
    """Pages with their sizes, how far the area is judged, what is open in it. Raises `MeterwatchError` for an unknown area."""
    store = open_store(settings_of(run))
    try:
        archive = store.load_archive()
        if transformer_area not in archive.areas:
            raise MeterwatchError(
                f"no area {transformer_area!r} in the archive; there are {', '.join(list(archive.areas)[:10])} ..."
            )
        pages = store.load_pages(transformer_area)
        area = AreaInProgress(archive, archive.areas[transformer_area], {})
        area.restore(pages)
        return {
            "transformer_area": transformer_area,
            "meters": len(area.area),
            "pages": {name: len(content) for name, content in sorted(pages.items())},
            "bytes": sum(map(len, pages.values())),
            "bytes_per_meter": round(sum(map(len, pages.values())) / max(len(area.area), 1)),
            "judged_until": None if not area.closed_until_s else iso(area.closed_until_s),
            "open_intervals": [iso(s) for s in sorted(area.open)],
            "hour": asdict(area.hour),
            "calibration_candidates": [asdict(error) for error in area.meter_errors.ranked()[:CANDIDATES_SHOWN]],
            "alerts": {a.alert_id: f"{a.abnormality} {a.meter_id or 'area'} {a.state}" for a in area.bank.alerts()},
            "conditions": {m: s for row, m in enumerate(area.area.meter_ids) if (s := area.bank.state_of(row))},
        }
    finally:
        store.close()


def reset_state(transformer_area: str, run: Path | None) -> str:
    store = open_store(settings_of(run))
    try:
        if transformer_area not in store.load_archive().areas:
            raise MeterwatchError(f"no area {transformer_area!r} in the archive; nothing was forgotten")
        pages = store.reset_area(transformer_area)
    finally:
        store.close()
    return f"{transformer_area}: {pages} pages forgotten; its alerts and tasks stay, its meters are learnt anew"
