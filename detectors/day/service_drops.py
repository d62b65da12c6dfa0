"""The drop from the busbar to each meter, explained by currents and neighbours with resistances learnt by least squares that forget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.day.memory import F64, HOURS, keep, moved
from detectors.day.wiring import DayElectric, Wiring
from detectors.normal_equations import coefficients, fitted, learnt, packed_size
from detectors.pages import Slab
from metering.evidence import AreaCurves

_F16, _F32 = np.float16, np.float32
#: What explains a drop: a constant, the meter's own current, the mean drop of its line's others, the area's median drop, the load of
#: its path as the archive tells it, the load of its line's first segment (the last two in units of so many amperes).
_TERMS = 6
_LOAD_A = 50.0
#: Ohms and shares to begin with, and how many hours (times the term squared) they count.
_PRIOR = np.array([0.0, 0.15, 0.5, 0.5, 0.3, 0.0])
_PRIOR_WEIGHT = np.array([0.01, 0.3, 1.0, 1.0, 1.0, 1.0])
_LEAST_OHM, _MOST_OHM = 0.02, 1.5
#: So many neighbours make a common movement.
_FEWEST_NEIGHBOURS = 3
_MOST_DROP_V = 80.0


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """A day's drops as explained by what was learnt before it, (24, meters) unless said otherwise."""

    design: F64
    """(24, meters, terms), zeros where an hour says nothing."""
    explained_v: F64
    residual_v: F64
    """Without what neighbours have in common; NaN where an hour says nothing."""
    common_v: F64
    own_a: F64
    amperes: F64
    """(24, 3, meters), with the usual current where none was measured."""
    ohm: F64
    """(meters,), of the service line."""

    @property
    def known(self) -> NDArray[np.bool_]:
        return np.asarray(self.residual_v == self.residual_v)

    @property
    def line_v(self) -> F64:
        """The drop on the line alone, without the service line's and without what is unexplained in the meter's own; NaN where unknown."""
        return np.where(self.known, self.explained_v + self.common_v - self.design[:, :, 1] * self.ohm, np.nan)


class ServiceDrops:
    """Per meter: volts by a constant, the own current through the service line, the others' drops on the line, and the load of the path."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring

    def layout(self) -> dict[str, Slab]:
        count = len(self._wiring.line)
        return {
            "squares": Slab((packed_size(_TERMS), count), _F32),
            "products": Slab((_TERMS, count), _F32),
            "usual_a": Slab((HOURS, count), _F16, np.nan),
        }

    def explain(self, pages: Mapping[str, NDArray[Any]], day: AreaCurves) -> Explained:
        electric = self._wiring.electric(day)
        design, says, amperes = self._design(electric, pages["usual_a"])
        found = coefficients(pages["squares"], pages["products"], _PRIOR_WEIGHT, _PRIOR)
        explained_v = fitted(design, found)
        drop_v = np.clip(electric.drop_v, -_MOST_DROP_V, _MOST_DROP_V)
        residual_v = np.where(says, drop_v - explained_v, np.nan)
        common_v = self._in_common(residual_v)
        ohm = np.clip(found[:, 1], _LEAST_OHM, _MOST_OHM)
        return Explained(design, explained_v, residual_v - common_v, common_v, electric.own_a, amperes, ohm)

    def _in_common(self, residual_v: F64) -> F64:
        """As much of each residual as neighbours' residuals may explain, (24, meters).

        A current that nobody metered lowers the voltage of all meters on its way, in proportion to the segments they share with it, and of those
        beyond it alike. So the others' median is taken as it is and in proportion to the steps, on the line and phase and among the
        nearest; whatever lies between these answers is in common. The whole phase answers where a line has too few meters.
        """
        wiring = self._wiring
        steps = np.maximum(wiring.steps, 1)
        hours = len(residual_v)
        both = np.concatenate([residual_v, residual_v / steps])
        answers = []
        for medians in (wiring.by_line.median_of_others(both, 2), wiring.median_nearby(both, _FEWEST_NEIGHBOURS)):
            answers += [medians[:hours], medians[hours:] * steps]
        if not np.isfinite(answers[0]).all():
            wider_v = wiring.by_phase.median_of_others(residual_v, _FEWEST_NEIGHBOURS)
            wider_v = np.where(wider_v == wider_v, wider_v, 0.0)
            answers[0] = np.where(answers[0] == answers[0], answers[0], wider_v)
        return np.clip(residual_v, np.fmin.reduce(answers), np.fmax.reduce(answers))

    def _design(self, electric: DayElectric, usual_a: NDArray[Any]) -> tuple[F64, NDArray[np.bool_], F64]:
        """((24, meters, terms) of what explains a drop, (24, meters) where there is enough of it, the currents with none missing)."""
        wiring, drop_v, own_a = self._wiring, electric.drop_v, electric.own_a
        usual_a = usual_a.astype(np.float64)
        usual_a = np.where(usual_a == usual_a, usual_a, 0.0)
        spread = np.where(wiring.three_phase, 1.0, wiring.share)
        amperes = np.where(electric.amperes == electric.amperes, electric.amperes, usual_a[:, None] * spread)
        amperes = np.where(wiring.customer, amperes, 0.0)
        path_a, line_a = wiring.loading_a(amperes)
        area_v = wiring.by_phase.spread(wiring.by_phase.median(drop_v))
        others_v = wiring.by_line.mean_of_others(np.clip(drop_v, -_MOST_DROP_V, _MOST_DROP_V))
        others_v = np.where(others_v == others_v, others_v, area_v)
        terms = [
            np.ones(drop_v.shape),
            own_a,
            others_v,
            area_v,
            wiring.of_meters(path_a, wiring.node) / _LOAD_A,
            wiring.of_meters(line_a, wiring.lines.of) / _LOAD_A,
        ]
        design = np.stack(terms, axis=2)
        says = (drop_v == drop_v) & np.logical_and.reduce([term == term for term in terms])
        design[~says] = 0.0
        return design, says, amperes

    def learn(
        self,
        pages: Mapping[str, NDArray[Any]],
        explained: Explained,
        usual_day: NDArray[np.bool_],
        most_v: F64,
        kept_per_day: float,
        usual_rate: F64,
    ) -> None:
        """From hours whose residual is cut to `most_v` (meters,), infinite while it is not known what is usual."""
        early = np.isinf(most_v)
        # before there is something to compare with, neighbours' common movement is explained, too
        residual_v = explained.residual_v
        residual_v = np.where(early, residual_v + explained.common_v, np.clip(residual_v, -most_v, most_v))
        target = np.where(explained.known & usual_day, explained.explained_v + residual_v, 0.0)
        kept = np.where(usual_day, kept_per_day, 1.0)
        learnt(pages["squares"], pages["products"], explained.design * usual_day[:, None], target, kept)
        keep(pages["usual_a"], moved(pages["usual_a"], explained.own_a, usual_rate, usual_day))
