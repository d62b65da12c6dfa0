"""A feed of a SimBench low-voltage grid: a year of 15-minute energies at every customer, and what the transformer took.

What is taken from SimBench and what is worked out:

- Every load of the grid is one customer meter. Generation and storage at a bus belong to the first load there, behind
  its meter, as German roof-top plants mostly do: in each interval either `energy_kwh` or `export_kwh` is more than 0.
  Generation at a bus without load is a meter of its own.
- The supply meter stands on the medium-voltage side of the transformer: loads - generation + line losses + copper and
  iron losses of the transformer, by a power flow over every interval with the grid's own lines, transformer and tap.
- `voltage_v` is the mean of the three phases (phase to neutral) out of the same power flow; the supply meter's is that
  of the low-voltage busbar.
- SimBench names no contracts and no fuses: `contracted_kw` and `rated_current_a` stay empty; the transformer's
  `rated_kva` and the cables' `cable_rated_a` are the grid's own. The coordinates are SimBench's, not of real houses.
- Nobody knows which abnormality the measured profiles may hide, so the feed has no truth.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from metering.archive import Archive, CustomerClass, Meter
from metering.errors import FeedError
from metering.times import to_epoch_s
from simulator.feeds.feed_writer import FeedWriter
from simulator.imports.radial_flow import Flow, Line, RadialGrid, Transformer, radial_grid, sweep

INTERVAL_MINUTES = 15
TIMEZONE = "Europe/Berlin"
LICENCE = (
    "ODbL 1.0; derived from SimBench (Meinecke et al., SimBench - A Benchmark Dataset of Electric Power Systems, "
    "Energies 2020, 13(12), 3290; simbench.de): name the source, share what is derived under the same licence"
)
_LABEL = "%d.%m.%Y %H:%M"
_HOURS = INTERVAL_MINUTES / 60
#: A meter registers tenths of a watt-hour and hundredths of a volt; more decimals would only be noise of the sums.
_ENERGY_DECIMALS = 4
_VOLTAGE_DECIMALS = 2
#: By the first letters of a SimBench load profile; heat pumps and charging points have none of their own.
_CLASS_OF_PROFILE: Mapping[str, CustomerClass] = {
    "H0": "residential",
    "G": "commercial",
    "L": "agricultural",
    "BL": "industrial",
    "WB": "commercial",
}
_PROGRESS_EVERY = 96

Progress = Callable[[int, int], None]
Powers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Point:
    """One customer meter: what its loads, plants and storages draw together (kW, kvar; shape (intervals,))."""

    meter: Meter
    bus: int
    demand_kw: Powers
    demand_kvar: Powers


@dataclass(frozen=True, slots=True)
class SimbenchSummary:
    """What was written: energies of the whole feed in kWh; `supplied_kwh` is what the transformer took in net."""

    customers: int
    intervals: int
    consumed_kwh: float
    exported_kwh: float
    supplied_kwh: float

    @property
    def loss_share(self) -> float:
        """Technical loss as a share of the energy supplied; NaN where the area feeds in more than it takes."""
        if self.supplied_kwh <= 0:
            return float("nan")
        return 1 - (self.consumed_kwh - self.exported_kwh) / self.supplied_kwh

    def __str__(self) -> str:
        loss = "" if np.isnan(self.loss_share) else f", technical loss {self.loss_share:.1%} of what was supplied"
        return (
            f"{self.customers} customers and a supply meter, {self.intervals} intervals of {INTERVAL_MINUTES} minutes; "
            f"{self.consumed_kwh / 1000:.1f} MWh consumed, {self.exported_kwh / 1000:.1f} MWh fed in{loss}"
        )


def import_simbench(code: str, out: Path, progress: Progress | None = None) -> SimbenchSummary:
    """Write the feed of the low-voltage grid `code` (such as ``1-LV-semiurb4--0-no_sw``) into the folder `out`.

    `progress` is called with the intervals written so far and in all. Raises `FeedError` where the
    extra is not installed, the code is unknown, or the grid has no single transformer over radial lines.
    """
    net, powers = _load(code)
    return write_grid(code, net, powers, out, progress)


def write_grid(
    code: str, net: Any, powers: Mapping[tuple[str, str], Any], out: Path, progress: Progress | None = None
) -> SimbenchSummary:
    """The same for a pandapower `net` at hand and its `powers` (MW, Mvar; one column per element of the table)."""
    import holidays  # slow, as all of this module's parts

    starts_s = interval_starts(list(net.profiles["load"]["time"]))
    number = _bus_numbers(net, code)
    grid = radial_grid(len(set(number.values())), number[int(net.trafo.lv_bus.iloc[0])], _lines(net, number))
    points = _points(net, powers, number, grid)
    flow = _flow(net, points, grid)
    supply = _supply_meter(net, any(p.meter.has_generation for p in points))
    years = {datetime.fromtimestamp(s, ZoneInfo(TIMEZONE)).year for s in (starts_s[0], starts_s[-1])}
    archive = Archive(
        name=f"SimBench {code}",
        interval_minutes=INTERVAL_MINUTES,
        timezone=TIMEZONE,
        meters=(*(p.meter for p in points), supply),
        holidays=frozenset(holidays.country_holidays("DE", years=years)),
        licence=LICENCE,
    )
    columns = _columns(points, flow, grid, supply)
    _write(out, archive, starts_s, columns, progress)
    energy_kwh = columns["energy_kwh"]
    export_kwh = np.nan_to_num(columns.get("export_kwh", np.zeros_like(energy_kwh)))  # one-way meters export nothing
    return SimbenchSummary(
        customers=len(points),
        intervals=len(starts_s),
        consumed_kwh=float(energy_kwh[:, :-1].sum()),
        exported_kwh=float(export_kwh[:, :-1].sum()),
        supplied_kwh=float(energy_kwh[:, -1].sum() - export_kwh[:, -1].sum()),
    )


def interval_starts(labels: Sequence[str]) -> list[int]:
    """UTC seconds of SimBench's time labels.

    The labels are German clock time without an offset: on the last Sunday of March an hour is left out, on the last of
    October one comes twice. So the year is 15 minutes a step in UTC; each label is held against that, and FeedError
    names the first that does not fit.

    >>> from metering.times import iso
    >>> [iso(s) for s in interval_starts(["27.03.2016 01:45", "27.03.2016 03:00"])]
    ['2016-03-27T00:45:00Z', '2016-03-27T01:00:00Z']
    """
    zone = ZoneInfo(TIMEZONE)
    first_s = to_epoch_s(datetime.strptime(labels[0], _LABEL).replace(tzinfo=zone))
    starts = [first_s + 60 * INTERVAL_MINUTES * step for step in range(len(labels))]
    for start, label in zip(starts, labels, strict=True):
        expected = datetime.fromtimestamp(start, zone).strftime(_LABEL)
        if label != expected:
            raise FeedError(
                f"the profiles' time {label!r} stands where {expected!r} was expected: not {INTERVAL_MINUTES}-minute "
                f"steps in {TIMEZONE}; this version of simbench cannot be imported"
            )
    return starts


def _load(code: str) -> tuple[Any, Mapping[tuple[str, str], Any]]:
    """The grid and its powers over the year (MW, Mvar; one column per element)."""
    try:
        import simbench  # 7 s, and an extra: only where it is needed
    except ImportError as error:
        raise FeedError(
            f"the SimBench grids need an extra that is not installed ({error}); in a checkout run: .venv/bin/uv pip "
            "install --python .venv/bin/python --require-hashes -r requirements/simbench.txt; elsewhere: pip install "
            "'meterwatch[simbench]'"
        ) from error
    codes = [c for c in simbench.collect_all_simbench_codes() if c.startswith("1-LV-")]
    if code not in codes:
        raise FeedError(f"{code!r} is no SimBench low-voltage grid; choose one of: {', '.join(codes)}")
    with warnings.catch_warnings():
        # simbench's own use of pandas; nothing a user could act on
        warnings.simplefilter("ignore", FutureWarning)
        net = simbench.get_simbench_net(code)
        powers = simbench.get_absolute_values(net, profiles_instead_of_study_cases=True)
    return net, powers


def _bus_numbers(net: Any, code: str) -> dict[int, int]:
    """0, 1, 2 ... for the low-voltage buses; buses joined by a closed switch share a number."""
    if len(net.trafo) != 1 or len(net.ext_grid) != 1:
        raise FeedError(f"{code}: {len(net.trafo)} transformers; a feed of one transformer area needs exactly one")
    trafo = net.trafo.iloc[0]
    joined = {int(b): int(b) for b in net.bus.index if b != trafo.hv_bus}
    for switch in net.switch[(net.switch.et == "b") & net.switch.closed].itertuples():
        if switch.bus in joined and switch.element in joined:
            kept, gone = joined[int(switch.bus)], joined[int(switch.element)]
            joined = {bus: kept if root == gone else root for bus, root in joined.items()}
    number = {root: i for i, root in enumerate(sorted(set(joined.values())))}
    return {bus: number[root] for bus, root in joined.items()}


def _lines(net: Any, number: Mapping[int, int]) -> list[Line]:
    open_lines = set(net.switch[(net.switch.et == "l") & ~net.switch.closed].element)
    return [
        Line(
            number[line.from_bus],
            number[line.to_bus],
            complex(line.r_ohm_per_km, line.x_ohm_per_km) * line.length_km / line.parallel,
        )
        for line in net.line.itertuples()
        if line.in_service and line.Index not in open_lines
    ]


def _points(
    net: Any, powers: Mapping[tuple[str, str], Any], number: Mapping[int, int], grid: RadialGrid
) -> list[_Point]:
    demand_kw: dict[str, Powers] = {}
    demand_kvar: dict[str, Powers] = {}
    meters: dict[str, Meter] = {}
    bus_of: dict[str, int] = {}
    first_at_bus: dict[int, str] = {}
    segments = _Segments(net, number, grid)
    for load in net.load.itertuples():
        meter = segments.meter(load, str(load.profile))
        meters[meter.meter_id], bus_of[meter.meter_id] = meter, int(load.bus)
        first_at_bus.setdefault(int(load.bus), meter.meter_id)
        demand_kw[meter.meter_id] = _kilo(powers["load", "p_mw"], load.Index)
        demand_kvar[meter.meter_id] = _kilo(powers["load", "q_mvar"], load.Index)
    for table, sign in (("sgen", -1.0), ("storage", 1.0)):
        for plant in net[table].itertuples():
            drawn_kw = sign * _kilo(powers[table, "p_mw"], plant.Index)
            meter_id = first_at_bus.get(int(plant.bus))
            if meter_id is None:
                own = segments.meter(plant, "")
                meter_id = own.meter_id
                meters[meter_id], bus_of[meter_id] = own, int(plant.bus)
                first_at_bus[int(plant.bus)] = meter_id
                demand_kw[meter_id], demand_kvar[meter_id] = np.zeros_like(drawn_kw), np.zeros_like(drawn_kw)
            demand_kw[meter_id] = demand_kw[meter_id] + drawn_kw
            meters[meter_id] = replace(meters[meter_id], has_generation=True)
    return [_Point(m, number[bus_of[i]], demand_kw[i], demand_kvar[i]) for i, m in meters.items()]


class _Segments:
    """Where a customer hangs: feeder (the first bus behind the busbar), segment (its own bus), cable, coordinates."""

    def __init__(self, net: Any, number: Mapping[int, int], grid: RadialGrid) -> None:
        self._net = net
        self._number = number
        self._grid = grid
        self._name = {number[b]: _identifier(net.bus.name[b]) for b in reversed(list(number))}
        self._cable_a = {
            self._below(number[line.from_bus], number[line.to_bus]): float(line.max_i_ka) * 1000 * line.parallel
            for line in net.line.itertuples()
        }

    def _below(self, one: int, other: int) -> int:
        return other if self._grid.parent[other] == one else one

    def meter(self, element: Any, profile: str) -> Meter:
        meter_id = _identifier(element.name)
        bus = self._number[element.bus]
        at_busbar = bus == self._grid.busbar
        longitude, latitude = _coordinates(self._net, int(element.bus))
        return Meter(
            meter_id=meter_id,
            service_point=f"SP-{meter_id}",
            customer_id=f"C-{meter_id}",
            transformer_area=_identifier(self._net.bus.subnet[element.bus]),
            role="customer",
            customer_class=customer_class(profile),
            tariff_category=profile.split("-")[0] if customer_class(profile) else None,
            phases=3,
            has_generation=False,
            latitude=latitude,
            longitude=longitude,
            feeder=None if at_busbar else self._name[self._grid.branch[bus]],
            segment=self._name[bus],
            cable_rated_a=self._cable_a.get(bus),
        )


def customer_class(profile: str) -> CustomerClass | None:
    """The customer class of a SimBench load profile; None for heat pumps and charging points.

    >>> customer_class("H0-A"), customer_class("G4-B"), customer_class("L2-A"), customer_class("HLS_A_11.0")
    ('residential', 'commercial', 'agricultural', None)
    """
    kind = profile.split("-")[0].rstrip("0123456789") if profile[:2] != "H0" else "H0"
    return _CLASS_OF_PROFILE.get(kind)


def _supply_meter(net: Any, two_way: bool) -> Meter:
    trafo = net.trafo.iloc[0]
    longitude, latitude = _coordinates(net, int(trafo.lv_bus))
    area = _identifier(net.bus.subnet[trafo.lv_bus])
    return Meter(
        meter_id=f"{area}-Supply",
        service_point=f"SP-{area}-Supply",
        customer_id="grid-operator",
        transformer_area=area,
        role="supply",
        phases=3,
        has_generation=two_way,
        latitude=latitude,
        longitude=longitude,
        rated_kva=float(trafo.sn_mva) * 1000 * float(trafo.parallel),
    )


def _flow(net: Any, points: Sequence[_Point], grid: RadialGrid) -> Flow:
    trafo = net.trafo.iloc[0]
    in_parallel = float(trafo.parallel)
    tap_steps = 0.0 if np.isnan(trafo.tap_pos) else float(trafo.tap_pos - trafo.tap_neutral)
    # the tap changer sits on the medium-voltage side: a higher tap lowers the low voltage
    ratio = 1 + tap_steps * float(trafo.tap_step_percent) / 100 if tap_steps else 1.0
    transformer = Transformer(
        rated_kva=float(trafo.sn_mva) * 1000 * in_parallel,
        nominal_v=float(trafo.vn_lv_kv) * 1000,
        short_circuit_percent=float(trafo.vk_percent),
        copper_loss_percent=float(trafo.vkr_percent),
        no_load_loss_kw=float(trafo.pfe_kw) * in_parallel,
        source_per_unit=float(net.ext_grid.vm_pu.iloc[0]) / ratio,
    )
    demand_kw = np.zeros((len(points[0].demand_kw), grid.buses))
    demand_kvar = np.zeros_like(demand_kw)
    for point in points:
        demand_kw[:, point.bus] += point.demand_kw
        demand_kvar[:, point.bus] += point.demand_kvar
    return sweep(grid, transformer, demand_kw, demand_kvar)


def _columns(points: Sequence[_Point], flow: Flow, grid: RadialGrid, supply: Meter) -> dict[str, Powers]:
    """Reading columns of shape (intervals, meters), supply meter last; a one-way meter measures no export."""
    net_kwh = np.column_stack([*(p.demand_kw for p in points), flow.supplied_kw]) * _HOURS
    net_kwh = net_kwh.round(_ENERGY_DECIMALS)
    voltage_v = flow.voltage_v[:, [*(p.bus for p in points), grid.busbar]].round(_VOLTAGE_DECIMALS)
    # + 0.0 turns -0.0 into 0.0
    columns = {"energy_kwh": net_kwh.clip(min=0) + 0.0, "voltage_v": voltage_v}
    two_way = np.array([*(bool(p.meter.has_generation) for p in points), bool(supply.has_generation)])
    if two_way.any():
        columns["export_kwh"] = np.where(two_way, (-net_kwh).clip(min=0) + 0.0, np.nan)
    return columns


def _write(
    out: Path, archive: Archive, starts_s: Sequence[int], columns: Mapping[str, Powers], progress: Progress | None
) -> None:
    meter_ids = [m.meter_id for m in archive.meters]
    with FeedWriter(out, archive) as feed:
        for step, start_s in enumerate(starts_s):
            feed.write_interval(start_s, meter_ids, {name: values[step] for name, values in columns.items()})
            if progress is not None and ((step + 1) % _PROGRESS_EVERY == 0 or step + 1 == len(starts_s)):
                progress(step + 1, len(starts_s))


def _kilo(powers: Any, element: int) -> Powers:
    values = np.asarray(powers[element], dtype=np.float64) * 1000
    if not np.isfinite(values).all():
        raise FeedError(f"the profile of element {element} has gaps; this grid cannot be imported")
    return values


def _coordinates(net: Any, bus: int) -> tuple[float | None, float | None]:
    """Longitude and latitude of a bus (GeoJSON order)."""
    place = net.bus.geo[bus]
    if not isinstance(place, str):
        return None, None
    longitude, latitude = json.loads(place)["coordinates"]
    return float(longitude), float(latitude)


def _identifier(name: Any) -> str:
    return str(name).strip().replace(" ", "-")
