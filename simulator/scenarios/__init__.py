"""The labelled abnormalities, one short file each, by the simulator's own word for them.

To add one: a file with a subclass of `case.Case` whose docstring is its definition with the distributions it draws from;
its class here; its weight in a pack of `simulator.packs`; a test of what it changes and what it leaves alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from simulator.scenarios.bad_joint import BadJoint
from simulator.scenarios.bypass import Bypass
from simulator.scenarios.case import Case
from simulator.scenarios.clock_drifts import ClockDrifts
from simulator.scenarios.clock_shifted import ClockShifted
from simulator.scenarios.communication_loss import CommunicationLoss
from simulator.scenarios.concentrator_loss import ConcentratorLoss
from simulator.scenarios.cover_opened import CoverOpened
from simulator.scenarios.ct_open import CtOpen
from simulator.scenarios.ct_ratio_changed import CtRatioChanged
from simulator.scenarios.ct_shorted import CtShorted
from simulator.scenarios.current_while_off import CurrentWhileOff
from simulator.scenarios.day_reversed import DayReversed
from simulator.scenarios.frequent_outage import FrequentOutage
from simulator.scenarios.high_loss import HighLoss
from simulator.scenarios.intermittent_bypass import IntermittentBypass
from simulator.scenarios.lost_neutral import LostNeutral
from simulator.scenarios.low_power_factor import LowPowerFactor
from simulator.scenarios.magnet import Magnet
from simulator.scenarios.mean_flat import MeanFlat
from simulator.scenarios.mean_scaled_at_random import MeanScaledAtRandom
from simulator.scenarios.mining import Mining
from simulator.scenarios.neutral_by_earth import NeutralByEarth
from simulator.scenarios.night_bypass import NightBypass
from simulator.scenarios.nothing_for_hours import NothingForHours
from simulator.scenarios.over_capacity import OverCapacity
from simulator.scenarios.phase_break import PhaseBreak
from simulator.scenarios.phase_swap import PhaseSwap
from simulator.scenarios.power_reversed import PowerReversed
from simulator.scenarios.ramped_bypass import RampedBypass
from simulator.scenarios.ratio_error import RatioError
from simulator.scenarios.register_falls import RegisterFalls
from simulator.scenarios.register_reset import RegisterReset
from simulator.scenarios.register_runaway import RegisterRunaway
from simulator.scenarios.register_stopped import RegisterStopped
from simulator.scenarios.registers_disagree import RegistersDisagree
from simulator.scenarios.resale import Resale
from simulator.scenarios.scaled_at_random import ScaledAtRandom
from simulator.scenarios.scaled_by_constant import ScaledByConstant
from simulator.scenarios.spikes import Spikes
from simulator.scenarios.split_current import SplitCurrent
from simulator.scenarios.supply_meter_high import SupplyMeterHigh
from simulator.scenarios.supply_meter_low import SupplyMeterLow
from simulator.scenarios.supply_phase_lost import SupplyPhaseLost
from simulator.scenarios.tap_before_meter import TapBeforeMeter
from simulator.scenarios.tariff_misuse import TariffMisuse
from simulator.scenarios.temporary_supply_misuse import TemporarySupplyMisuse
from simulator.scenarios.terminal_cover_opened import TerminalCoverOpened
from simulator.scenarios.transformer_overload import TransformerOverload
from simulator.scenarios.undeclared_generation import UndeclaredGeneration
from simulator.scenarios.use_after_closure import UseAfterClosure
from simulator.scenarios.voltage_loss import VoltageLoss
from simulator.scenarios.weak_line_end import WeakLineEnd

_KINDS: tuple[type[Case], ...] = (
    Bypass,
    RegisterStopped,
    VoltageLoss,
    OverCapacity,
    PowerReversed,
    HighLoss,
    # theft
    NightBypass,
    IntermittentBypass,
    RampedBypass,
    TapBeforeMeter,
    ScaledByConstant,
    NothingForHours,
    ScaledAtRandom,
    MeanScaledAtRandom,
    MeanFlat,
    DayReversed,
    Magnet,
    CoverOpened,
    TerminalCoverOpened,
    NeutralByEarth,
    SplitCurrent,
    CurrentWhileOff,
    # registers, clocks and what arrives of them
    RegisterRunaway,
    RegisterFalls,
    RegisterReset,
    RegistersDisagree,
    ClockShifted,
    ClockDrifts,
    Spikes,
    # wiring, load, archive and communication
    CtRatioChanged,
    CtShorted,
    CtOpen,
    PhaseSwap,
    PhaseBreak,
    UndeclaredGeneration,
    LowPowerFactor,
    RatioError,
    TariffMisuse,
    Mining,
    Resale,
    TemporarySupplyMisuse,
    CommunicationLoss,
    UseAfterClosure,
    # whole areas
    BadJoint,
    WeakLineEnd,
    LostNeutral,
    TransformerOverload,
    SupplyMeterLow,
    SupplyMeterHigh,
    SupplyPhaseLost,
    ConcentratorLoss,
    FrequentOutage,
)
SCENARIOS: Mapping[str, type[Case]] = {kind.scenario: kind for kind in _KINDS}
