"""`state show` and `state reset`: what is remembered of a transformer area."""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from metering.errors import MeterwatchError, SettingsError
from metering.ports import StateStore
from metering.times import LocalCalendar
from monitor.replay import STATE_FILE
from monitor.settings import Settings, load_settings
from monitor.silences import log_clock_s
from monitor.stores import open_existing_store
from monitor.wire import relay_bytes
from operations.area import AreaInProgress
from operations.learn_findings import Learner
from operations.silence import say_again

#: So many meters whose error is surely largest are shown of an area.
CANDIDATES_SHOWN = 20


def settings_of(run: Path | None) -> Settings:
    settings = load_settings()
    if run is None:
        return settings
    if not (run / STATE_FILE).exists():
        raise SettingsError(f"{run} holds no {STATE_FILE}: give --run a RUN folder")
    return settings.model_copy(update={"database_url": f"sqlite:///{run / STATE_FILE}"})


def show_state(transformer_area: str, run: Path | None, *, pages: bool = False) -> dict[str, Any]:
    """What is known of an area, first what a person asks for; with `pages` also what is stored, by size.

    Times and days are local. Raises `MeterwatchError` for an unknown area.
    """
    store = open_existing_store(settings_of(run))
    try:
        archive = store.load_archive()
        if transformer_area not in archive.areas:
            raise MeterwatchError(
                f"no area {transformer_area!r} in the archive; there are {', '.join(list(archive.areas)[:10])} ..."
            )
        stored = store.load_pages(transformer_area)
        area = AreaInProgress(archive, archive.areas[transformer_area], {})
        area.restore(stored)
        calendar = archive.calendar
        told = {
            "transformer_area": transformer_area,
            "meters": len(area.area),
            "judged_until": None if not area.closed_until_s else calendar.text(area.closed_until_s),
            "learnt_days": _learnt_days(area),
            "loss": _loss(area),
            "in_doubt": [
                {
                    "meter_id": area.area.meter_ids[row],
                    "probability": round(probability, 3),
                    "suspected": bool(probability >= area.case_probability.set_probability),
                    "kind": kind,
                    "share_of_kind": round(share, 3),
                }
                for row, probability, kind, share in area.case_probability.in_doubt()
            ],
            "meter_errors": [
                {name: value if name == "meter_id" else round(value, 4) for name, value in asdict(error).items()}
                for error in area.meter_errors.ranked()[:CANDIDATES_SHOWN]
            ],
            "model": _model(store, area, calendar),
            "alerts": {a.alert_id: f"{a.abnormality} {a.meter_id or 'area'} {a.state}" for a in area.bank.alerts()},
            "conditions": {m: s for row, m in enumerate(area.area.meter_ids) if (s := area.bank.state_of(row))},
            "open_intervals": [calendar.text(s) for s in sorted(area.open)],
            "hour": asdict(area.hour),
        }
        return told | _stored(stored, len(area.area)) if pages else told
    finally:
        store.close()


def _learnt_days(area: AreaInProgress) -> dict[str, int]:
    """Of the customers' meters, days learnt as usual, 255 at most; what a suspicion needs stands in docs/thresholds.md."""
    days = area.day_bank.learnt_days[~area.area.is_supply]
    if not len(days):
        return {}
    return {"fewest": int(days.min()), "median": int(np.median(days)), "most": int(days.max())}


def _loss(area: AreaInProgress) -> dict[str, Any] | None:
    """kWh a day lately, beside what is technical; None where the area has no supply meter or nothing was judged."""
    now = area.day_area.lately()
    if not math.isfinite(now.loss_kwh):
        return None
    beyond = now.loss_kwh - now.technical_kwh
    return {
        "supplied_kwh_a_day": round(now.supplied_kwh, 2),
        "loss_kwh_a_day": round(now.loss_kwh, 2),
        "technical_kwh_a_day": None if math.isnan(now.technical_kwh) else round(now.technical_kwh, 2),
        "beyond_technical_kwh_a_day": None if math.isnan(beyond) else round(beyond, 2),
        "beyond_since": None if now.since is None else date.fromordinal(now.since).isoformat(),
        "learnt_days": now.learnt_days,
    }


def _model(store: StateStore, area: AreaInProgress, calendar: LocalCalendar) -> dict[str, Any]:
    """How old what is known is: the last day learnt here, the last day ranked, and what findings taught."""
    examples = Learner(store.load_model_pages(), seed=1).ranker.examples
    visited = [e for e in examples if not e.is_word]
    ranked = store.last_closed_day()
    return {
        "last_day_learnt": None if area.next_day is None else date.fromordinal(area.next_day - 1).isoformat(),
        "last_day_ranked": None if ranked is None else date.fromordinal(ranked).isoformat(),
        "findings_learnt": len(visited),
        "newest_finding": calendar.text(visited[-1].found_at_s) if visited else None,
        "dismissals_learnt": len(examples) - len(visited),
    }


def _stored(pages: dict[str, bytes], meters: int) -> dict[str, Any]:
    size = sum(map(len, pages.values()))
    return {
        "bytes": size,
        "bytes_per_meter": round(size / max(meters, 1)),
        "pages": {name: len(content) for name, content in sorted(pages.items()) if content},
    }


def reset_state(transformer_area: str, run: Path | None) -> str:
    store = open_existing_store(settings_of(run))
    try:
        if transformer_area not in store.load_archive().areas:
            raise MeterwatchError(f"no area {transformer_area!r} in the archive; nothing was forgotten")
        pages = store.reset_area(transformer_area)
        kept = say_again(store, transformer_area, log_clock_s(store), relay_bytes)
    finally:
        store.close()
    silences = f", {kept} of its silences will hold again" if kept else ""
    return (
        f"{transformer_area}: {pages} pages forgotten; its alerts and tasks stay{silences}, its meters are learnt anew"
    )
