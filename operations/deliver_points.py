"""Bring the derived points that were saved with their checkpoint to the time-series store, in the order they were saved."""

from __future__ import annotations

from metering.ports import StateStore, TimeSeries

LEASE = "deliver_points"
LEASE_S = 30.0


def deliver_points(store: StateStore, series: TimeSeries, owner: str, *, batches: int = 200) -> tuple[int, int]:
    """Deliver up to `batches` waiting batches; (points delivered, points refused for good).

    One owner at a time, so that a newer point is never overwritten by an older one. Raises `StoreUnavailable` where a
    store cannot be reached: everything undelivered is still there for the next call.
    """
    if not store.take_lease(LEASE, owner, LEASE_S):
        return 0, 0
    waiting = store.point_batches(batches)
    points = [p for batch in waiting for p in batch.points]
    if not waiting:
        return 0, 0
    refused = series.write_points(points)
    store.points_delivered(batch.batch_id for batch in waiting)
    return len(points) - refused, refused
