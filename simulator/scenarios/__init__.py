"""The labelled abnormalities, one short file each, by the simulator's own word for them.

To add one: a file with a subclass of `case.Case` whose docstring is its definition with the distributions it draws from;
its class here; its weight in a pack of `simulator.packs`; a test of what it changes and what it leaves alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from simulator.scenarios.bypass import Bypass
from simulator.scenarios.case import Case
from simulator.scenarios.high_loss import HighLoss
from simulator.scenarios.over_capacity import OverCapacity
from simulator.scenarios.power_reversed import PowerReversed
from simulator.scenarios.register_stopped import RegisterStopped
from simulator.scenarios.voltage_loss import VoltageLoss

SCENARIOS: Mapping[str, type[Case]] = {
    kind.scenario: kind for kind in (Bypass, RegisterStopped, VoltageLoss, OverCapacity, PowerReversed, HighLoss)
}
