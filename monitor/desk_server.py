"""`desk`: the web desk over the stores that the settings name, or over a RUN folder."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI

from desk.app import build_desk, serve
from metering.archive import Archive
from metering.errors import SettingsError
from metering.ports import StateStore, TimeSeries
from monitor.heart import PulseTaker
from monitor.metrics import exposition
from monitor.replay import SERIES_FILE, STATE_FILE
from monitor.settings import Settings
from monitor.stores import existing_database, open_series, open_store
from monitor.upkeep import UpkeepThread
from monitor.wire import relay_bytes
from monitor.worker import heart_of, owner_name, telling
from operations.expected_curve import expected_curve

Hook = Callable[[], Awaitable[None]]


def desk_of(
    settings: Settings,
    store: StateStore,
    series: TimeSeries,
    archive: Archive,
    *,
    on_startup: Hook | None = None,
    on_shutdown: Hook | None = None,
    metrics: Callable[[], bytes] | None = None,
) -> FastAPI:
    def curve(meter_id: str, start_s: int, end_s: int) -> list[tuple[int, float]]:
        area = archive.area_of(meter_id, start_s)
        return [] if area is None else expected_curve(archive, store.load_pages(area), area, meter_id, start_s, end_s)

    return build_desk(
        store,
        series,
        archive,
        encode=relay_bytes,
        expected_curve=curve,
        language=settings.language,
        token=None if settings.desk_token is None else settings.desk_token.get_secret_value(),
        on_startup=on_startup,
        on_shutdown=on_shutdown,
        metrics=metrics,
    )


def serve_desk(settings: Settings, run: Path | None) -> None:
    """Serve until SIGTERM or Ctrl-C. `run` shows a finished RUN folder instead of the live stores."""
    if run is not None:
        if not (run / STATE_FILE).exists():
            raise SettingsError(f"{run} holds no {STATE_FILE}: give --run a RUN folder")
        settings = settings.model_copy(
            update={
                "database_url": f"sqlite:///{run / STATE_FILE}",
                "duckdb_path": str(run / SERIES_FILE),
                "influx_url": None,
            }
        )
    existing_database(settings)
    store = open_store(settings)
    series = open_series(settings, patience_s=5.0)
    with contextlib.ExitStack() as ending:
        ending.callback(store.close)
        ending.callback(series.close)
        archive = store.load_archive()
        metrics = None
        if run is None and settings.kafka_url is not None:
            # workers are running somewhere: the desk sees that they do
            owner = f"desk.{owner_name(settings)}"
            beside = telling(settings, store, archive, owner)
            heart = heart_of(settings, store, archive, PulseTaker(owner, "desk", upkeep=beside))
            metrics = exposition(heart)
            if beside is not None:
                upkeep = UpkeepThread(beside)
                upkeep.start()
                ending.callback(upkeep.stop)
            heart.start()
            ending.callback(heart.stop)
        if run is None and settings.kafka_url is None:
            print(
                "desk: no METERWATCH_KAFKA_URL, so no worker is expected: this desk shows and takes down what people decide, "
                "but watches nothing and tells nobody",
                file=sys.stderr,
            )
        desk = desk_of(settings, store, series, archive, metrics=metrics)
        print(f"desk: http://{settings.desk_host}:{settings.desk_port}  (Ctrl-C ends it)")
        serve(desk, host=settings.desk_host, port=settings.desk_port)
