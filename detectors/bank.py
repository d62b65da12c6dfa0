"""The bank: every detector there is, by name, built for one area with the thresholds in force."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from detectors.area.area_outage import AreaOutage, AreaOutageParams
from detectors.area.day_area import DayArea, DayAreaParams
from detectors.area.frequent_outage import FrequentOutage, FrequentOutageParams
from detectors.area.line_loss import LineLoss, LineLossParams
from detectors.area.load_forecast import LoadForecast, LoadForecastParams
from detectors.area.meter_errors import MeterErrors, MeterErrorsParams
from detectors.case.case_probability import CaseProbability, CaseProbabilityParams
from detectors.case.downstream_prices import DownstreamPrices, DownstreamPricesParams
from detectors.case.lost_voltage import LostVoltage
from detectors.case.novelty import Novelty
from detectors.interval.catalogue_rules import CatalogueRules, CatalogueRulesParams
from detectors.interval.current_rules import CurrentRules, CurrentRulesParams
from detectors.interval.implied_energy import ImpliedEnergy, ImpliedEnergyParams
from detectors.interval.neutral_rules import NeutralRules, NeutralRulesParams
from detectors.interval.seasonal_profile import SeasonalProfile, SeasonalProfileParams
from detectors.interval.stuck_counter import StuckCounter, StuckCounterParams
from detectors.interval.voltage_rules import VoltageRules, VoltageRulesParams
from detectors.limits import SECTION, check_limits
from detectors.moved import as_they_are_now
from detectors.parameters import from_section
from detectors.validation.validation_rules import ValidationRules, ValidationRulesParams
from metering.errors import ThresholdError
from metering.evidence import AreaContext, DayModel, HourDetector, IntervalDetector

#: A thresholds file: fields by detector, and by abnormality what `detectors/limits.py` says.
Thresholds = Mapping[str, Mapping[str, Any]]

#: (class, its params), in the order in which they judge.
INTERVAL_DETECTORS: tuple[tuple[Callable[[AreaContext, Any], IntervalDetector], type[Any]], ...] = (
    (StuckCounter, StuckCounterParams),
    (VoltageRules, VoltageRulesParams),
    (CurrentRules, CurrentRulesParams),
    (CatalogueRules, CatalogueRulesParams),
    (NeutralRules, NeutralRulesParams),
    (ImpliedEnergy, ImpliedEnergyParams),
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
    (AreaOutage, AreaOutageParams),
    (DownstreamPrices, DownstreamPricesParams),
)
VALIDATION: tuple[type[ValidationRules], type[ValidationRulesParams]] = (ValidationRules, ValidationRulesParams)
#: What is learnt of every meter and judges nothing; its thresholds stand beside the detectors'.
PROFILE: tuple[type[SeasonalProfile], type[SeasonalProfileParams]] = (SeasonalProfile, SeasonalProfileParams)


def detector_names() -> tuple[str, ...]:
    """Names of all detectors: the sections a thresholds file may have."""
    return tuple(kind.name for kind, _ in (*ALL_DETECTORS, PROFILE))


def check_thresholds(thresholds: Thresholds) -> None:
    """Raises `ThresholdError` on an unknown section or field, or a value out of range, naming what there is."""
    thresholds = as_they_are_now(thresholds)
    for section, values in thresholds.items():
        if section != SECTION and section not in detector_names():
            raise ThresholdError(
                f"no detector is named [{section}]; there are {', '.join(detector_names())}; "
                f"set and recover values stand in [{SECTION}.<code>]",
                section if isinstance(values, Mapping) else "",
                section,
            )
        if not isinstance(values, Mapping):
            raise ThresholdError(f"{section} = {values!r}: write a section, [{section}]", "", section)
    check_limits(thresholds[SECTION])
    for kind, params in (*ALL_DETECTORS, PROFILE):
        from_section(params, kind.name, thresholds.get(kind.name, {}))


def interval_detectors(context: AreaContext, thresholds: Thresholds | None = None) -> list[IntervalDetector]:
    """The detectors of every closed interval, for one area. Raises `ThresholdError` as `check_thresholds`."""
    voltage: VoltageRules | None = None
    detectors: list[IntervalDetector] = []
    check_thresholds(thresholds or {})
    now = as_they_are_now(thresholds or {})
    context = replace(context, limits=now[SECTION])
    for kind, params in INTERVAL_DETECTORS:
        given = from_section(params, kind.name, now.get(kind.name, {}))  # type: ignore[attr-defined]
        if kind in (CatalogueRules, NeutralRules) and voltage is not None:
            detectors.append(kind(context, given, voltage.levels))
        else:
            detectors.append(kind(context, given))
        if isinstance(detectors[-1], VoltageRules):
            voltage = detectors[-1]
    return detectors


def expected_profile(context: AreaContext, thresholds: Thresholds | None = None) -> SeasonalProfile:
    """What the meters of one area usually use. Raises `ThresholdError` as `check_thresholds`."""
    profile: SeasonalProfile = _build((PROFILE,), context, thresholds or {})[0]
    return profile


def hour_detectors(context: AreaContext, thresholds: Thresholds | None = None) -> list[HourDetector]:
    """The detectors of every closed hour's balance, for one area; none where the area has no supply meter."""
    if not context.area.is_supply.any():
        check_thresholds(thresholds or {})
        return []
    return _build(HOUR_DETECTORS, context, thresholds or {})


def case_probability(context: AreaContext, thresholds: Thresholds | None = None) -> CaseProbability:
    """What weighs every closed day of one area. Raises `ThresholdError` as `check_thresholds`."""
    check_thresholds(thresholds or {})
    section = (thresholds or {}).get(CaseProbability.name, {})
    return CaseProbability(context, from_section(CaseProbabilityParams, CaseProbability.name, section))


def load_forecast(context: AreaContext, thresholds: Thresholds | None = None) -> LoadForecast:
    """What forecasts one area's load. Raises `ThresholdError` as `check_thresholds`."""
    check_thresholds(thresholds or {})
    section = (thresholds or {}).get(LoadForecast.name, {})
    return LoadForecast(context, from_section(LoadForecastParams, LoadForecast.name, section))


def day_area(context: AreaContext, thresholds: Thresholds | None = None) -> DayArea:
    """What weighs every closed day's loss of one area as a whole. Raises `ThresholdError` as `check_thresholds`."""
    check_thresholds(thresholds or {})
    section = (thresholds or {}).get(DayArea.name, {})
    return DayArea(context, from_section(DayAreaParams, DayArea.name, section))


def validation_rules(context: AreaContext, thresholds: Thresholds | None = None) -> ValidationRules:
    """What validates the readings of one area. Raises `ThresholdError` as `check_thresholds`."""
    rules: ValidationRules = _build((VALIDATION,), context, thresholds or {})[0]
    return rules


def meter_errors(context: AreaContext, thresholds: Thresholds | None = None) -> MeterErrors:
    """What estimates the errors of one area's meters. Raises `ThresholdError` as `check_thresholds`."""
    check_thresholds(thresholds or {})
    section = (thresholds or {}).get(MeterErrors.name, {})
    return MeterErrors(context, from_section(MeterErrorsParams, MeterErrors.name, section))


def frequent_outage(context: AreaContext, thresholds: Thresholds | None = None) -> FrequentOutage:
    """What counts one area's outages. Raises `ThresholdError` as `check_thresholds`."""
    check_thresholds(thresholds or {})
    section = (thresholds or {}).get(FrequentOutage.name, {})
    return FrequentOutage(context, from_section(FrequentOutageParams, FrequentOutage.name, section))


def downstream_prices(context: AreaContext, thresholds: Thresholds | None = None) -> DownstreamPrices:
    """What holds declared prices against the tariff's. Raises `SettingsError` as `check_thresholds`."""
    check_thresholds(thresholds or {})
    section = (thresholds or {}).get(DownstreamPrices.name, {})
    return DownstreamPrices(context, from_section(DownstreamPricesParams, DownstreamPrices.name, section))


def area_outage(
    context: AreaContext, detectors: Sequence[IntervalDetector], thresholds: Thresholds | None = None
) -> AreaOutage:
    """What tells one area's outages; asks the voltage rules among its `detectors` how high voltages are. Raises as `check_thresholds`."""
    check_thresholds(thresholds or {})
    now = as_they_are_now(thresholds or {})
    params = from_section(AreaOutageParams, AreaOutage.name, now.get(AreaOutage.name, {}))
    levels = next(d.levels for d in detectors if isinstance(d, VoltageRules))
    return AreaOutage(replace(context, limits=now[SECTION]), params, levels)


def lost_voltage(detectors: Sequence[IntervalDetector]) -> LostVoltage:
    """What a voltage loss is worth, by the voltage rules among `detectors`."""
    return LostVoltage(next(d for d in detectors if isinstance(d, VoltageRules)))


def _build(kinds: Any, context: AreaContext, thresholds: Thresholds) -> list[Any]:
    check_thresholds(thresholds)
    now = as_they_are_now(thresholds)
    return [kind(context, from_section(params, kind.name, now.get(kind.name, {}))) for kind, params in kinds]


def day_models(seed: int) -> list[DayModel]:
    """The models shared by all areas, fed at the day's close."""
    return [Novelty(seed)]
