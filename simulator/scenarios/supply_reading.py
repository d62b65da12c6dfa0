"""A supply meter whose current circuits are wrong: everything that is reckoned from the current is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.hours import Active, Rows

ENERGIES = ("energy_kwh", "export_kwh", "register_step_kwh")
CURRENTS = ("current_a_a", "current_b_a", "current_c_a", "neutral_current_a")


def scale(reported: Mapping[str, Rows], factor: float, active: Active) -> None:
    """Multiply energies and currents by a factor; voltages and the power factor stay."""
    for name in (*ENERGIES, *CURRENTS):
        reported[name][active] = (factor * reported[name][active]).round(4)
