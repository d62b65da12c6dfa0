"""What the interval detectors cost: CPU per reading and state per meter, in frames of 200 meters with every column."""

from __future__ import annotations

import time

import numpy as np

from detectors.bank import expected_profile, interval_detectors, validation_rules
from detectors.day.curves import DayCurves
from detectors.validation.day_readings import DayReadings
from metering.archive import Area, Meter
from metering.evidence import AreaContext
from metering.frame import ReadingFrame
from metering.times import LocalCalendar

METERS = 200
START_S = 1767571200


def measure(intervals: int = 400, lived_days: int = 8) -> dict[str, float]:
    """CPU microseconds per reading (score and learn) by detector and in all, the same for the kWh-only feed (`*_kwh`),
    and `bytes_per_meter` of state after `intervals` of 15 minutes."""
    costs: dict[str, float] = {}
    for suffix, rich in (("", True), ("_kwh", False)):
        context = _context()
        told = [_frame(context, i, rich) for i in range(96)]
        trusted = np.ones(METERS, dtype=np.bool_)
        bank = interval_detectors(context)
        day, rules, readings = DayCurves(context), validation_rules(context), DayReadings(METERS)
        profile = expected_profile(context)
        spent = dict.fromkeys([*(d.name for d in bank), profile.name, rules.name, "day_curves"], 0.0)
        for i in range(-96 * lived_days, intervals):
            if i == 0:
                spent = dict.fromkeys(spent, 0.0)  # warm-up is over
            frame = _at(told[i % 96], START_S + 900 * i)
            for detector in bank:
                begin = time.process_time()
                detector.score(frame)
                detector.learn(frame, trusted)
                spent[detector.name] += time.process_time() - begin
            begin = time.process_time()
            profile.expected_kwh(frame)
            spent[profile.name] += time.process_time() - begin
            begin = time.process_time()
            rules.doubtful(frame)
            rules.see(frame)
            readings.add(frame)
            spent[rules.name] += time.process_time() - begin
            begin = time.process_time()
            day.add(frame)
            spent["day_curves"] += time.process_time() - begin
        per_reading = 1e6 / (intervals * METERS)
        costs |= {f"{name}{suffix}": seconds * per_reading for name, seconds in spent.items()}
        costs[f"all{suffix}"] = sum(spent.values()) * per_reading
        if rich:
            pages = (
                [page for d in bank for page in d.dump().values()]
                + list(profile.dump().values())
                + list(day.dump().values())
            )
            costs["bytes_per_meter"] = sum(len(p) for p in pages) / METERS
    return costs


def _context() -> AreaContext:
    customers = [
        Meter(
            f"M{i}", f"P{i}", f"C{i}", "TA", "customer", "residential", contracted_kw=8.0, phases=1 if i % 3 else 3,
            rated_current_a=60.0, has_generation=False,
        )
        for i in range(METERS - 1)
    ]  # fmt: skip
    supply = Meter("S", "T", "", "TA", "supply", phases=3, rated_kva=400.0)
    return AreaContext(Area("TA", (*customers, supply)), 15, LocalCalendar("Asia/Shanghai"))


def _frame(context: AreaContext, i: int, rich: bool) -> ReadingFrame:
    rng = np.random.default_rng(i)
    energy = rng.gamma(2.0, 0.05, METERS)
    energy[-1] = energy[:-1].sum() * 1.03
    columns = {"energy_kwh": energy}
    if rich:
        amperes = energy * 4 * 1000 / 230
        for phase in "abc":
            columns[f"voltage_{phase}_v"] = rng.normal(230, 2, METERS)
            columns[f"current_{phase}_a"] = amperes / 3
        columns |= {"current_a": amperes, "neutral_current_a": amperes * 1.01, "voltage_v": rng.normal(230, 2, METERS)}
        columns |= {"power_factor": np.full(METERS, 0.95), "export_kwh": np.zeros(METERS)}
    return ReadingFrame("TA", START_S + 900 * i, 15, context.area.meter_ids, columns)


def _at(frame: ReadingFrame, start_s: int) -> ReadingFrame:
    return ReadingFrame(frame.transformer_area, start_s, frame.interval_minutes, frame.meter_ids, frame.columns)


def main() -> None:
    costs = measure()
    for name, value in costs.items():
        if name == "bytes_per_meter":
            print(f"{name:28s} {value:8.0f} B")
        else:
            total = costs["all_kwh" if name.endswith("_kwh") else "all"]
            print(f"{name:28s} {value:8.3f} us per reading  {100 * value / total:3.0f} %")


if __name__ == "__main__":
    main()
