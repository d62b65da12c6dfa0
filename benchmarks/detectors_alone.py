"""The interval detectors by themselves, at 200 meters a frame."""

from __future__ import annotations

from benchmarks import detector_cost
from benchmarks.plan import Plan
from benchmarks.report import count, percent, table


def run(plan: Plan) -> list[str]:
    intervals = 100 if plan.quick else 400
    costs = detector_cost.measure(intervals)
    rows = []
    for name, spent in costs.items():
        if name == "bytes_per_meter" or name.endswith("_kwh"):
            continue
        poor = costs[f"{name}_kwh"]
        label = "**all**" if name == "all" else f"`{name}`"
        rows.append(
            [label, f"{spent:.3f}", percent(spent, costs["all"]), f"{poor:.3f}", percent(poor, costs["all_kwh"])]
        )
    heaviest = max((n for n in costs if f"{n}_kwh" in costs and n != "all"), key=lambda n: costs[n])
    return [
        (
            f"{intervals} intervals of {detector_cost.METERS} meters; score and learn, µs of CPU per reading. Every column: "
            "energy, export, voltages and currents by phase, neutral current, power factor."
        ),
        "",
        *table(["detector", "every column", "share", "kWh only", "share"], rows),
        (
            f"{count(1e6 / costs['all'])} readings per CPU-second with every column, {count(1e6 / costs['all_kwh'])} with kWh "
            f"only; {count(costs['bytes_per_meter'])} bytes of detector state per meter."
        ),
        "",
        (
            f"**What bounds it:** `{heaviest}` takes {percent(costs[heaviest], costs['all'])}; a frame of {detector_cost.METERS} "
            "meters is small, so the cost is the number of NumPy calls more than the length of their arrays."
        ),
    ]
