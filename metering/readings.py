"""What a meter can report in one metering interval, and why a reading may be set aside."""

from __future__ import annotations

from enum import StrEnum

#: Columns of a reading besides its meter and interval; float, unit in the name, NaN = not measured.
PHASES = ("a", "b", "c")
NON_NEGATIVE_COLUMNS = (
    "energy_kwh",
    "export_kwh",
    "register_kwh",
    "voltage_v",
    *(f"voltage_{p}_v" for p in PHASES),
    "neutral_current_a",
)
SIGNED_COLUMNS = (
    "current_a",
    "power_factor",
    *(f"current_{p}_a" for p in PHASES),
    "temperature_c",
)
READING_COLUMNS = (*NON_NEGATIVE_COLUMNS, *SIGNED_COLUMNS)
#: Registers count up to millions with decimals: single precision would lose the decimals.
DOUBLE_PRECISION_COLUMNS = frozenset({"register_kwh"})


class SetAside(StrEnum):
    """Why one reading was not used, while the rest of its frame was. Words of `report.json`."""

    REPEATED = "repeated"
    TIME = "time"
    UNKNOWN_METER = "unknown_meter"
    NOT_A_NUMBER = "not_a_number"
    NEGATIVE = "negative"
    IMPOSSIBLE = "impossible"
    INTERVAL = "interval"
    TYPE = "type"
    TOO_LATE = "too_late"
