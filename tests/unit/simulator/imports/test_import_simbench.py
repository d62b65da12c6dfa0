"""A SimBench grid becomes a feed whose supply meter is the customers' net energy plus the grid's own losses."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from metering.errors import FeedError
from metering.times import iso
from simulator.feeds.feed import Feed
from simulator.imports.import_simbench import customer_class, import_simbench, interval_starts, write_grid
from simulator.imports.radial_flow import Line, Transformer, radial_grid, sweep

IDEAL = Transformer(rated_kva=400, nominal_v=400, short_circuit_percent=0, copper_loss_percent=0, no_load_loss_kw=0)
REAL = Transformer(rated_kva=400, nominal_v=400, short_circuit_percent=6, copper_loss_percent=1.2, no_load_loss_kw=1.2)


def demand(*kw: float) -> NDArray[np.float64]:
    return np.array([kw], dtype=np.float64)


class TestRadialFlow:
    def test_loss_of_one_line_is_i_squared_r(self) -> None:
        grid = radial_grid(2, 0, [Line(0, 1, 0.05 + 0j)])
        flow = sweep(grid, IDEAL, demand(0, 30), demand(0, 0))
        volt = float(flow.voltage_v[0, 1])
        current_a = 30_000 / 3 / volt
        assert volt == pytest.approx(400 / 3**0.5 - 0.05 * current_a)
        assert flow.line_loss_kw[0] == pytest.approx(3 * 0.05 * current_a**2 / 1000)
        assert flow.supplied_kw[0] == pytest.approx(30 + flow.line_loss_kw[0])

    def test_an_idle_grid_takes_the_iron_losses_alone(self) -> None:
        grid = radial_grid(2, 0, [Line(1, 0, 0.05 + 0.01j)])
        flow = sweep(grid, REAL, demand(0, 0), demand(0, 0))
        assert flow.supplied_kw[0] == 1.2
        assert flow.voltage_v[0] == pytest.approx([400 / 3**0.5] * 2)

    def test_copper_loss_at_rated_current_is_the_name_plates(self) -> None:
        grid = radial_grid(1, 0, [])
        flow = sweep(grid, REAL, demand(380.0), demand(0))
        load = 380.0 / 400 / (flow.voltage_v[0, 0] * 3**0.5 / 400)
        assert flow.transformer_loss_kw[0] == pytest.approx(1.2 + 400 * 0.012 * load**2)

    def test_feed_in_raises_the_voltage_and_flows_back(self) -> None:
        grid = radial_grid(2, 0, [Line(0, 1, 0.05 + 0.01j)])
        flow = sweep(grid, IDEAL, demand(0, -20), demand(0, 0))
        assert flow.voltage_v[0, 1] > 400 / 3**0.5
        assert -20 < flow.supplied_kw[0] < -19

    def test_every_interval_is_solved_on_its_own(self) -> None:
        grid = radial_grid(3, 1, [Line(1, 0, 0.03 + 0.01j), Line(0, 2, 0.02 + 0.01j)])
        both = np.array([[5.0, 1.0, 9.0], [20.0, 0.0, 2.0]])
        together = sweep(grid, REAL, both, both / 3)
        for row in range(2):
            alone = sweep(grid, REAL, both[row : row + 1], both[row : row + 1] / 3)
            assert together.voltage_v[row] == pytest.approx(alone.voltage_v[0])
            assert together.supplied_kw[row] == pytest.approx(alone.supplied_kw[0])
        assert grid.branch == (0, 1, 0)

    @pytest.mark.parametrize(
        ("lines", "reason"),
        [
            ([Line(0, 1, 1j)], "1 of 3 buses have no line"),
            ([Line(0, 1, 1j), Line(1, 2, 1j), Line(2, 0, 1j)], "meshed"),
        ],
    )
    def test_only_a_tree_is_accepted(self, lines: list[Line], reason: str) -> None:
        with pytest.raises(FeedError, match=reason):
            radial_grid(3, 0, lines)

    def test_a_load_beyond_what_the_grid_carries_is_refused(self) -> None:
        grid = radial_grid(2, 0, [Line(0, 1, 0.5 + 0.1j)])
        with pytest.raises(FeedError, match="choose another grid"):
            sweep(grid, REAL, demand(0, 5000), demand(0, 0))


class TestTimes:
    def test_the_hour_left_out_in_march_and_the_one_twice_in_october_are_steps_of_utc(self) -> None:
        march = interval_starts(["27.03.2016 01:45", "27.03.2016 03:00"])
        assert [iso(s) for s in march] == ["2016-03-27T00:45:00Z", "2016-03-27T01:00:00Z"]
        twice = [f"30.10.2016 02:{m:02}" for m in (0, 15, 30, 45)] * 2
        october = interval_starts(["30.10.2016 01:45", *twice, "30.10.2016 03:00"])
        assert np.diff(october).tolist() == [900] * 9
        assert iso(october[-1]) == "2016-10-30T02:00:00Z"

    def test_labels_that_ignore_daylight_saving_are_refused(self) -> None:
        with pytest.raises(FeedError, match=r"'27\.03\.2016 02:00' stands where '27\.03\.2016 03:00' was expected"):
            interval_starts(["27.03.2016 01:45", "27.03.2016 02:00"])


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("H0-A", "residential"),
        ("G0-M", "commercial"),
        ("L1-A", "agricultural"),
        ("BL-H", "industrial"),
        ("Air_Parallel_1", None),
        ("HLS_A_22.0", None),
        ("", None),
    ],
)
def test_the_customer_class_follows_the_load_profile(profile: str, expected: str | None) -> None:
    assert customer_class(profile) == expected


def small_grid() -> tuple[Any, dict[tuple[str, str], pd.DataFrame]]:
    """Busbar (1) - house with a roof-top plant (2) - shop (3), and a lone plant (4) behind a closed bus switch to 3."""
    place = '{"type":"Point", "coordinates":[11.4, 53.6]}'
    bus = pd.DataFrame(
        {"name": [f"LV1 Bus {n}" for n in range(5)], "geo": [place, place, place, None, None], "subnet": "LV1"}
    )
    line = {"r_ohm_per_km": 0.2, "x_ohm_per_km": 0.08, "length_km": 0.1, "max_i_ka": 0.27, "in_service": True}
    trafo: dict[str, float] = {
        "hv_bus": 0,
        "lv_bus": 1,
        "sn_mva": 0.4,
        "vn_lv_kv": 0.4,
        "vk_percent": 6.0,
        "vkr_percent": 1.2,
        "pfe_kw": 1.2,
        "parallel": 1,
        "tap_pos": 1.0,
        "tap_neutral": 0.0,
        "tap_step_percent": 2.5,
    }
    net = SimpleNamespace(
        bus=bus,
        load=pd.DataFrame({"name": ["LV1 Load 1", "LV1 Load 2"], "bus": [2, 3], "profile": ["H0-A", "G1-A"]}),
        sgen=pd.DataFrame({"name": ["LV1 SGen 1", "LV1 SGen 2"], "bus": [2, 4]}),
        storage=pd.DataFrame({"name": ["LV1 Storage 1"], "bus": [2]}),
        line=pd.DataFrame(
            [
                {**line, "from_bus": 2, "to_bus": 1, "parallel": 1},
                {**line, "from_bus": 2, "to_bus": 3, "parallel": 2},
                {**line, "from_bus": 1, "to_bus": 4, "parallel": 1},
            ]
        ),
        switch=pd.DataFrame(
            {"bus": [3, 1, 2], "element": [4, 2, 0], "et": ["b", "l", "l"], "closed": [True, False, True]}
        ),
        trafo=pd.DataFrame([trafo]),
        ext_grid=pd.DataFrame({"vm_pu": [1.025]}),
        profiles={"load": pd.DataFrame({"time": ["01.01.2016 00:00", "01.01.2016 00:15"]})},
    )
    # pandapower's nets answer to names and to keys
    tables = {"sgen": net.sgen, "storage": net.storage}
    keyed: Any = type("Net", (SimpleNamespace,), {"__getitem__": lambda _self, key: tables[key]})(**vars(net))
    powers = {
        ("load", "p_mw"): pd.DataFrame({0: [0.004, 0.001], 1: [0.010, 0.020]}),
        ("load", "q_mvar"): pd.DataFrame({0: [0.001, 0.0], 1: [0.003, 0.005]}),
        ("sgen", "p_mw"): pd.DataFrame({0: [0.0, 0.006], 1: [0.0, 0.002]}),
        ("storage", "p_mw"): pd.DataFrame({0: [0.0, 0.001]}),
    }
    return keyed, powers


def test_without_the_extra_it_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "simbench", None)
    with pytest.raises(FeedError, match=r"requirements/simbench\.txt"):
        import_simbench("1-LV-semiurb4--0-no_sw", tmp_path / "feed")
    assert not (tmp_path / "feed").exists()


class TestFeedOfAGrid:
    @pytest.fixture
    def feed(self, tmp_path: Path) -> Feed:
        net, powers = small_grid()
        write_grid("1-LV-test", net, powers, tmp_path / "feed")
        return Feed.open(tmp_path / "feed")

    def rows(self, feed: Feed) -> dict[tuple[int, str], dict[str, Any]]:
        table = pq.read_table(feed.folder / "readings.parquet").to_pylist()
        first = min(row["interval_start"] for row in table)
        return {(int((row["interval_start"] - first).total_seconds()) // 900, row["meter_id"]): row for row in table}

    def test_the_archive_says_what_the_grid_says_and_no_more(self, feed: Feed) -> None:
        meters = {m.meter_id: m for m in feed.archive.meters}
        assert list(meters) == ["LV1-Load-1", "LV1-Load-2", "LV1-SGen-2", "LV1-Supply"]
        house, shop, supply = meters["LV1-Load-1"], meters["LV1-Load-2"], meters["LV1-Supply"]
        assert (house.customer_class, house.tariff_category, house.has_generation) == ("residential", "H0", True)
        assert (shop.customer_class, shop.tariff_category, shop.has_generation) == ("commercial", "G1", False)
        assert (house.latitude, house.longitude) == (53.6, 11.4)
        assert (house.cable_rated_a, shop.cable_rated_a) == (270.0, 540.0)
        assert shop.feeder == "LV1-Bus-2"
        assert house.contracted_kw is None
        assert (supply.role, supply.rated_kva, supply.has_generation) == ("supply", 400.0, True)
        assert feed.archive.timezone == "Europe/Berlin"
        assert "ODbL" in feed.archive.licence
        assert not feed.has_truth

    def test_generation_is_netted_behind_the_meter_of_its_bus(self, feed: Feed) -> None:
        rows = self.rows(feed)
        assert rows[0, "LV1-Load-1"]["energy_kwh"] == 1.0
        assert rows[0, "LV1-Load-1"]["export_kwh"] == 0.0
        # 1 kW of load and 1 kW into the battery against 6 kW from the roof
        assert rows[1, "LV1-Load-1"]["energy_kwh"] == 0.0
        assert rows[1, "LV1-Load-1"]["export_kwh"] == 1.0
        assert rows[1, "LV1-SGen-2"]["export_kwh"] == 0.5
        assert rows[1, "LV1-Load-2"]["export_kwh"] is None

    def test_the_supply_meter_takes_the_net_energy_and_the_losses(self, feed: Feed) -> None:
        rows = self.rows(feed)
        for step in (0, 1):
            customers = [row for (at, meter), row in rows.items() if at == step and meter != "LV1-Supply"]
            net_kwh = sum(row["energy_kwh"] - (row["export_kwh"] or 0.0) for row in customers)
            # the iron loss alone is 1.2 kW at the squared voltage behind the tap
            assert net_kwh + 0.29 < rows[step, "LV1-Supply"]["energy_kwh"] < net_kwh + 0.35
            assert rows[step, "LV1-Supply"]["export_kwh"] == 0.0

    def test_the_tap_and_the_load_set_the_voltage(self, feed: Feed) -> None:
        rows = self.rows(feed)
        busbar, shop = (rows[1, meter]["voltage_v"] for meter in ("LV1-Supply", "LV1-Load-2"))
        # 1.025 of the nominal voltage behind a tap of + 2.5 % is the nominal voltage
        assert 225 < shop < busbar < 400 / 3**0.5

    def test_the_summary_adds_up_and_progress_reaches_the_end(self, tmp_path: Path) -> None:
        net, powers = small_grid()
        steps: list[tuple[int, int]] = []
        summary = write_grid(
            "1-LV-test", net, powers, tmp_path / "feed", lambda done, total: steps.append((done, total))
        )
        assert steps[-1] == (2, 2)
        assert (summary.customers, summary.intervals) == (3, 2)
        assert (summary.consumed_kwh, summary.exported_kwh) == (1.0 + 2.5 + 5.0, 1.0 + 0.5)
        assert summary.supplied_kwh * (1 - summary.loss_share) == pytest.approx(7.0)
        assert str(summary).startswith("3 customers and a supply meter, 2 intervals of 15 minutes; 0.0 MWh consumed")

    def test_two_transformers_are_refused(self, tmp_path: Path) -> None:
        net, powers = small_grid()
        net.trafo = pd.concat([net.trafo, net.trafo])
        with pytest.raises(FeedError, match="needs exactly one"):
            write_grid("1-LV-test", net, powers, tmp_path / "feed")
