"""The bank: every detector there is, by name, built for one area with the thresholds in force."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from detectors.case_probability import CaseProbability, CaseProbabilityParams
from detectors.current_rules import CurrentRules, CurrentRulesParams
from detectors.day_area import DayArea, DayAreaParams
from detectors.frequent_outage import FrequentOutage, FrequentOutageParams
from detectors.line_loss import LineLoss, LineLossParams
from detectors.load_forecast import LoadForecast, LoadForecastParams
from detectors.meter_errors import MeterErrors, MeterErrorsParams
from detectors.novelty import Novelty
from detectors.over_capacity import OverCapacity, OverCapacityParams
from detectors.parameters import from_section
from detectors.seasonal_profile import SeasonalProfile, SeasonalProfileParams
from detectors.stuck_counter import StuckCounter, StuckCounterParams
from detectors.validation_rules import ValidationRules, ValidationRulesParams
from detectors.voltage_rules import VoltageRules, VoltageRulesParams
from metering.errors import SettingsError
from metering.evidence import AreaContext, DayModel, HourDetector, IntervalDetector

Thresholds = Mapping[str, Mapping[str, float]]

#: (class, its params), in the order in which they judge.
INTERVAL_DETECTORS: tuple[tuple[Callable[[AreaContext, Any], IntervalDetector], type[Any]], ...] = (
    (StuckCounter, StuckCounterParams),
    (OverCapacity, OverCapacityParams),
    (VoltageRules, VoltageRulesParams),
    (CurrentRules, CurrentRulesParams),
)
HOUR_DETECTORS: tuple[tuple[Callable[[AreaContext, Any], HourDetector], type[Any]], ...] = ((LineLoss, LineLossParams),)


ALL_DETECTORS: tuple[tuple[Any, type[Any]], ...] = (
    *INTERVAL_DETECTORS,
    *HOUR_DETECTORS,
    (CaseProbability, CaseProbabilityParams),
    (DayArea, DayAreaParams),
    (LoadForecast, LoadForecastParams),
    (ValidationRules, ValidationRulesParams),
    (MeterErrors, MeterErrorsParams),
    (FrequentOutage, FrequentOutageParams),
)
VALIDATION: tuple[type[ValidationRules], type[ValidationRulesParams]] = (ValidationRules, ValidationRulesParams)
#: What is learnt of every meter and judges nothing; its thresholds stand beside the detectors'.
PROFILE: tuple[type[SeasonalProfile], type[SeasonalProfileParams]] = (SeasonalProfile, SeasonalProfileParams)


def detector_names() -> tuple[str, ...]:
    """Names of all detectors: the sections a thresholds file may have."""
    return tuple(kind.name for kind, _ in (*ALL_DETECTORS, PROFILE))


def check_thresholds(thresholds: Thresholds) -> None:
    """Raises `SettingsError` on an unknown section or field, or a value out of range, naming what there is."""
    for section in thresholds:
        if section not in detector_names():
            raise SettingsError(f"no detector is named [{section}]; there are {', '.join(detector_names())}")
    for kind, params in (*ALL_DETECTORS, PROFILE):
        from_section(params, kind.name, thresholds.get(kind.name, {}))


def interval_detectors(context: AreaContext, thresholds: Thresholds | None = None) -> list[IntervalDetector]:
    """The detectors of every closed interval, for one area. Raises `SettingsError` as `check_thresholds`."""
    return _build(INTERVAL_DETECTORS, context, thresholds or {})


def expected_profile(context: AreaContext, thresholds: Thresholds | None = None) -> SeasonalProfile:
    """What the meters of one area usually use. Raises `SettingsError` as `check_thresholds`."""
    profile: SeasonalProfile = _build((PROFILE,), context, thresholds or {})[0]
    return profile


def hour_detectors(context: AreaContext, thresholds: Thresholds | None = None) -> list[HourDetector]:
    """The detectors of every closed hour's balance, for one area; none where the area has no supply meter."""
    if not context.area.is_supply.any():
        check_thresholds(thresholds or {})
        return []
    return _build(HOUR_DETECTORS, context, thresholds or {})


def case_probability(context: AreaContext, thresholds: Thresholds | None = None) -> CaseProbability:
    """What weighs every closed day of one area. Raises `SettingsError` as `check_thresholds`."""
    check_thresholds(thresholds or {})
    section = (thresholds or {}).get(CaseProbability.name, {})
    return CaseProbability(context, from_section(CaseProbabilityParams, CaseProbability.name, section))


def load_forecast(context: AreaContext, thresholds: Thresholds | None = None) -> LoadForecast:
    """What forecasts one area's load. Raises `SettingsError` as `check_thresholds`."""
    check_thresholds(thresholds or {})
    section = (thresholds or {}).get(LoadForecast.name, {})
    return LoadForecast(context, from_section(LoadForecastParams, LoadForecast.name, section))


def day_area(context: AreaContext, thresholds: Thresholds | None = None) -> DayArea:
    """What weighs every closed day's loss of one area as a whole. Raises `SettingsError` as `check_thresholds`."""
    check_thresholds(thresholds or {})
    section = (thresholds or {}).get(DayArea.name, {})
    return DayArea(context, from_section(DayAreaParams, DayArea.name, section))


def validation_rules(context: AreaContext, thresholds: Thresholds | None = None) -> ValidationRules:
    """What validates the readings of one area. Raises `SettingsError` as `check_thresholds`."""
    rules: ValidationRules = _build((VALIDATION,), context, thresholds or {})[0]
    return rules


def meter_errors(context: AreaContext, thresholds: Thresholds | None = None) -> MeterErrors:
    """What estimates the errors of one area's meters. Raises `SettingsError` as `check_thresholds`."""
    check_thresholds(thresholds or {})
    section = (thresholds or {}).get(MeterErrors.name, {})
    return MeterErrors(context, from_section(MeterErrorsParams, MeterErrors.name, section))


def frequent_outage(context: AreaContext, thresholds: Thresholds | None = None) -> FrequentOutage:
    """What counts one area's outages. Raises `SettingsError` as `check_thresholds`."""
    check_thresholds(thresholds or {})
    section = (thresholds or {}).get(FrequentOutage.name, {})
    return FrequentOutage(context, from_section(FrequentOutageParams, FrequentOutage.name, section))


def _build(kinds: Any, context: AreaContext, thresholds: Thresholds) -> list[Any]:
    check_thresholds(thresholds)
    return [kind(context, from_section(params, kind.name, thresholds.get(kind.name, {}))) for kind, params in kinds]


def day_models(seed: int) -> list[DayModel]:
    """The models shared by all areas, fed at the day's close."""
    return [Novelty(seed)]
