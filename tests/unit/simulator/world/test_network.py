"""Power balances at every node of an area's network, phase by phase and whatever is tapped, generated or badly joined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.simulate import prepare
from simulator.world.network import PHASE_COUNT, Network

TURN = np.exp(-2j * np.pi / 3 * np.arange(3))[:, None]


@pytest.fixture(scope="module")
def network() -> Network:
    return prepare(areas=1, meters_per_area=90, days=1, seed=5, packs=("clean",)).worlds[0].network


@given(seed=st.integers(0, 2**31), joint=st.booleans())
def test_what_flows_into_every_node_flows_out_of_it(network: Network, seed: int, joint: bool) -> None:
    rng = np.random.default_rng(seed)
    conductors, nodes = len(network.conductor_phase), network.segments * PHASE_COUNT
    drawn = rng.uniform(-1.0, 2.5, (conductors, 3)) * (1 + 0.3j * rng.random((conductors, 3)))
    tapped = np.where(rng.random((nodes, 3)) < 0.2, 2.0 + 0.5j, 0)
    joint_ohm = np.where(rng.random((nodes, 3)) < 0.1, 0.05, 0.0) if joint else None
    found = network.solve(drawn, tapped, np.full((3, 3), 236.0), joint_ohm)

    by_node = np.zeros((nodes, 3), dtype=complex)
    np.add.at(by_node, network.conductor_segment * PHASE_COUNT + network.conductor_phase, found.service_a)
    leaving = network._by_line(found.node_a)
    onward = np.concatenate([found.segment_a[:, 1:], np.zeros_like(found.segment_a[:, :1])], axis=1)
    np.testing.assert_allclose(found.segment_a, leaving + onward, atol=1e-9, err_msg="currents at every node")
    np.testing.assert_allclose(found.bus_a, found.segment_a[:, 0].sum(axis=0), atol=1e-9)
    taps = np.abs(found.node_a - by_node)
    assert np.all((taps > 1e-6) == (tapped != 0)), "what leaves a node beside the services is tapped there"

    node_v = network._by_line(found.node_v)
    upstream_v = np.concatenate([np.broadcast_to(found.bus_v, node_v[:, :1].shape), node_v[:, :-1]], axis=1)
    sent = (upstream_v * np.conj(found.segment_a)).sum(axis=2)
    received = (node_v * np.conj(found.segment_a)).sum(axis=2)
    neutral_a = (found.segment_a * TURN).sum(axis=2)
    lost = (found.phase_ohm * np.abs(found.segment_a) ** 2).sum(axis=2)
    lost = lost + found.neutral_ohm[:, :, 0] * np.abs(neutral_a) ** 2
    np.testing.assert_allclose(sent, received + lost, rtol=1e-9, atol=1e-6, err_msg="power along every segment")


def test_the_supply_is_loads_and_losses_to_a_thousandth(network: Network) -> None:
    """Loads are constant power; after three sweeps what reaches them is what they wanted, to parts in ten thousand."""
    rng = np.random.default_rng(2)
    wanted = rng.uniform(0.1, 2.0, (len(network.conductor_phase), 4)) * (1 + 0.25j)
    tapped = np.zeros((network.segments * PHASE_COUNT, 4), dtype=complex)
    found = network.solve(wanted, tapped, np.full((3, 4), 236.0))
    reached = found.conductor_v * np.conj(found.service_a) / 1000
    np.testing.assert_allclose(reached, wanted, rtol=5e-4)
    into_bus = (found.bus_v * np.conj(found.bus_a)).sum(axis=0) / 1000
    copper = network.transformer.resistance_ohm + 1j * network.transformer.reactance_ohm
    behind = found.lost_kva(network).sum(axis=0) - (copper * np.abs(found.bus_a) ** 2).sum(axis=0) / 1000
    np.testing.assert_allclose(into_bus, reached.sum(axis=0) + behind, rtol=1e-9)


def test_a_bad_joint_loses_with_the_square_of_its_current_and_drops_the_voltage_behind_it(network: Network) -> None:
    load_kw = np.full((len(network.conductor_phase), 2), 0.4)
    load_kw[:, 1] = 0.8
    none_kw = np.zeros((network.segments * PHASE_COUNT, 2))
    joint_ohm = none_kw.copy()
    joint_ohm[0] = 0.1
    source_v = np.full((3, 2), 236.0)
    sound = network.flow(load_kw, 0 * load_kw, none_kw, source_v)
    bad = network.flow(load_kw, 0 * load_kw, none_kw, source_v, joint_ohm)
    more_kw = (bad.loss_kw - sound.loss_kw).sum(axis=0)
    assert more_kw[0] > 0
    assert more_kw[1] / more_kw[0] == pytest.approx(4, rel=0.15)
    behind = (network.conductor_segment == 0) & (network.conductor_phase == 0)
    assert np.all(bad.conductor_v[behind] < sound.conductor_v[behind])
