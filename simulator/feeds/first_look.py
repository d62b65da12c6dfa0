"""What the first readings of a feed say against its own description: another interval, another unit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from metering.archive import Archive
from simulator.feeds.feed_readings import ReadingBatch

#: A meter with fewer readings says nothing of the interval.
_FEWEST_READINGS = 6
#: Steps so many times the interval are no gaps any more; so large a share beyond what meters can draw is no faults any more.
_MUCH_LONGER, _MOST_IMPOSSIBLE = 1.5, 0.2


def doubts(archive: Archive, batch: ReadingBatch) -> Iterator[str]:
    """One line for each doubt, with what to write instead."""
    step_s = _usual_step_s(batch)
    if step_s is not None and step_s > _MUCH_LONGER * archive.interval_minutes * 60:
        yield (
            f"readings: they lie {step_s // 60} min apart, where feed.toml says interval_minutes = {archive.interval_minutes}: "
            f"write {step_s // 60}, or every demand is taken for too much"
        )
    share = _impossible_share(archive, batch)
    if share > _MOST_IMPOSSIBLE:
        yield (
            f"readings: {share:.0%} of the first ones are more energy than their meter can carry: "
            "is energy_kwh in kWh of the interval, and not in Wh or of the whole day?"
        )


def _usual_step_s(batch: ReadingBatch) -> int | None:
    """The median step between a meter's readings, over the meters that have enough; None where none has."""
    order = np.lexsort((batch.times_s, batch.meter_codes))
    codes, times_s = batch.meter_codes[order], batch.times_s[order]
    steps = np.diff(times_s)
    same = (np.diff(codes) == 0) & (steps > 0)
    often = np.bincount(codes[1:][same], minlength=len(batch.meter_names)) >= _FEWEST_READINGS
    counted = steps[same & often[codes[1:]]]
    return int(np.median(counted)) if len(counted) else None


def _impossible_share(archive: Archive, batch: ReadingBatch) -> float:
    hours = archive.interval_minutes / 60
    meters = [archive.meter(name) for name in batch.meter_names]
    limit_kwh = np.array([np.inf if meter is None else meter.impossible_above_kw * hours for meter in meters])
    energy = batch.columns["energy_kwh"]
    known = energy == energy
    if not known.any():
        return 0.0
    return float(np.mean(np.abs(energy[known]) > limit_kwh[batch.meter_codes[known]]))
