"""The whole SimBench year of the grid that the documentation names, with the real package."""

from __future__ import annotations

import importlib.util
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from metering.errors import FeedError
from metering.times import parse_iso
from simulator.feeds.feed import Feed
from simulator.imports.import_simbench import import_simbench

CODE = "1-LV-semiurb4--0-no_sw"
INTERVALS = 366 * 96

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(importlib.util.find_spec("simbench") is None, reason="the extra `simbench` is not installed"),
    # simbench's and pandapower's own use of pandas while they are imported
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    feed = tmp_path_factory.mktemp("simbench") / "feed"
    assert str(import_simbench(CODE, feed)).startswith("41 customers and a supply meter, 35136 intervals")
    return feed


def columns(folder: Path) -> dict[str, Any]:
    """Columns of shape (intervals, meters), the supply meter last."""
    table = pq.read_table(folder / "readings.parquet")
    names = ("energy_kwh", "export_kwh", "voltage_v")
    return {
        name: np.asarray(table[name].to_numpy(zero_copy_only=False), dtype=np.float64).reshape(INTERVALS, -1)
        for name in names
    }


def test_a_year_of_41_customers_and_their_supply_meter_without_a_gap(folder: Path) -> None:
    archive = Feed.open(folder).archive
    assert [m.role for m in archive.meters] == ["customer"] * 41 + ["supply"]
    assert sum(bool(m.has_generation) for m in archive.meters if m.role == "customer") == 1
    starts = pq.read_table(folder / "readings.parquet", columns=["interval_start"])["interval_start"]
    seconds = starts.to_numpy().astype("datetime64[s]").astype(np.int64).reshape(INTERVALS, 42)
    assert seconds[0, 0] == parse_iso("2015-12-31T23:00:00Z")
    assert (np.diff(seconds[:, 0]) == 900).all()
    assert (seconds == seconds[:, :1]).all()


def test_every_reading_is_there_and_possible(folder: Path) -> None:
    read = columns(folder)
    assert np.isfinite(read["energy_kwh"]).all()
    assert (read["energy_kwh"] >= 0).all()
    assert np.isfinite(read["export_kwh"]).any(axis=0).sum() == 2
    assert ((read["voltage_v"] > 207) & (read["voltage_v"] < 253)).all()


def test_the_transformer_takes_what_is_used_and_a_few_percent(folder: Path) -> None:
    read = columns(folder)
    net_kwh = read["energy_kwh"] - np.nan_to_num(read["export_kwh"])
    loss_kwh = net_kwh[:, -1] - net_kwh[:, :-1].sum(axis=1)
    assert (loss_kwh > 0).all()
    assert 0.01 < loss_kwh.sum() / net_kwh[:, -1].sum() < 0.06


def test_losses_and_voltages_are_those_of_pandapower(folder: Path) -> None:
    pandapower, simbench = import_module("pandapower"), import_module("simbench")
    net = simbench.get_simbench_net(CODE)
    powers = simbench.get_absolute_values(net, profiles_instead_of_study_cases=True)
    # NaN shares of constant-impedance load: pandapower takes them as numbers
    net.load[[name for name in net.load if name.startswith("const_")]] = 0.0
    read = columns(folder)
    for step in (0, 12_345, int(read["energy_kwh"][:, -1].argmax())):
        for table, column in (("load", "p_mw"), ("load", "q_mvar"), ("sgen", "p_mw")):
            net[table][column] = powers[table, column].iloc[step]
        pandapower.runpp(net, numba=False)
        supplied_kwh = float(net.res_ext_grid.p_mw.sum()) * 1000 / 4
        assert read["energy_kwh"][step, -1] == pytest.approx(supplied_kwh, abs=0.002)
        volts = net.res_bus.vm_pu[net.load.bus].to_numpy() * 400 / 3**0.5
        assert read["voltage_v"][step, :-1] == pytest.approx(volts, abs=0.02)


def test_an_unknown_grid_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match=f"'1-LV-moon' is no SimBench low-voltage grid; choose one of: .*{CODE}"):
        import_simbench("1-LV-moon", tmp_path / "feed")
