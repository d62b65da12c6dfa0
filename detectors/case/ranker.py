"""What findings teach: by how much the day's weighing of a meter was off, and which experts to hear more or less (ADR 0017)."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from river.linear_model import LogisticRegression
from river.optim import SGD
from river.optim.schedulers import Constant

from detectors.case.prior import F64, Prior, shipped_prior
from detectors.day.bank import EXPERTS
from detectors.pages import is_of, pack_model, unpack_model
from detectors.parameters import check_ranges, parameter
from metering.catalogue import CATALOGUE, FAMILIES
from metering.dismissal import Dismissal
from metering.evidence import AreaDay
from metering.messages import Finding
from metering.times import DAY_S

_SCHEMA = "ranker/2"
#: Examples had no weight: every one was an inspection's.
_SCHEMA_BEFORE = "ranker/1"
#: A finding that comes later is about another time, not about the earlier finding.
CONTRADICTS_WITHIN_S = 60 * DAY_S
_MOST_LOG_ODDS = 7.0
#: Log-odds that an expert moves a meter by are counted in these, and more as so much.
_MOST_MOVED = 4.0
#: What is left of a first step is counted from here on anew, before it can vanish.
_LEAST_LEFT = 1e-100
#: Families whose evidence a visit can be about.
EVIDENCE: tuple[str, ...] = tuple(
    f for f in FAMILIES if any(row.family == f and row.lane == "suspicion" for row in CATALOGUE.values())
)


@dataclass(frozen=True, slots=True)
class RankerParams:
    learning_rate: float = parameter(
        0.03, meaning="step of the descent for each finding", unit="1", low=0.001, high=0.5, source="worlds 24x to 26x"
    )
    pull: float = parameter(
        0.03,
        meaning="how strongly every step pulls back to what was said before any finding",
        unit="1",
        low=0,
        high=1,
        source="worlds 24x to 26x",
    )
    replayed: int = parameter(
        8,
        meaning="earlier findings learnt again with each new one",
        unit="findings",
        low=0,
        high=100,
        source="proposed",
    )
    remembered: int = parameter(
        20_000,
        meaning="findings kept, the oldest forgotten first",
        unit="findings",
        low=100,
        high=1e6,
        source="proposed",
    )
    said_weight: float = parameter(
        0.2,
        meaning="what a person's word from the office counts beside an inspection: the share of its step",
        unit="1",
        low=0,
        high=1,
        source="proposed: nobody went there, so five words count as one visit; what a desk says in a day moves less than what crews find",
    )
    half_life_days: float = parameter(
        30.0, meaning="days after which an earlier finding counts half", unit="d", low=1, high=720, source="proposed"
    )
    described_from: float = parameter(
        0.02,
        meaning="probability from which it is asked which experts moved a meter; below, nobody thinks of a visit",
        unit="probability",
        low=0,
        high=0.5,
        source="cost: 200 us a meter",
    )

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, slots=True)
class Example:
    """A meter as it was on the day before its visit, and what the visit found. `values` are in the order of `Ranker.features`;
    `weight` is 1 for an inspection, less for a person's word from the office, which then stands under its `finding_id`."""

    finding_id: str
    meter_id: str
    found_at_s: int
    confirmed: bool
    abnormality: str | None
    log_odds: float
    values: tuple[float, ...]
    weight: float = 1.0

    @property
    def is_word(self) -> bool:
        """Whether nobody went there."""
        return self.weight < 1


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """One area's day as the ranker sees it: `log_odds` (meters,) before any finding, NaN = not judged; `values` (meters, features)."""

    meter_ids: tuple[str, ...]
    log_odds: F64
    values: F64

    def row(self, row: int) -> tuple[float, tuple[float, ...]]:
        return float(self.log_odds[row]), tuple(round(v, 4) for v in self.values[row].tolist())


class Ranker:
    """How probable a visit finds something: what was said of the meter before any finding, corrected by what findings taught.

    River's logistic regression learns by stochastic descent, finding by finding, with the log-odds of `detectors.case.risk` as a
    given intercept: weights of zero say exactly what was said, and L2 pulls back to it, so that a few findings move little.
    A feature lies in -1..1: by how much one day expert moved the meter, one family's evidence, its novelty, what an earlier
    finding there said, and a bias (how common cases are here). Every new finding is learnt together with some earlier ones,
    drawn by its number; so the weights follow from the sequence of findings alone, and to undo one is to learn anew
    without it.

    A person's word from the office (`hear`) that an alert is no problem is a weak example: every step it brings, its own and those of
    the earlier ones drawn beside it, is `said_weight` as long. Nothing else remembers it: the track record of detectors, what was found
    at a meter before, and who was visited are of inspections alone. An inspection that finds something takes it back.

    An example is the meter as it was when its task was opened, else on the day before the finding: never after. Findings
    at meters of which neither is known (next to no risk, no task) are counted and teach nothing.
    """

    name = "ranker"

    def __init__(self, seed: int, params: RankerParams | None = None, prior: Prior | None = None) -> None:
        self._params = params or RankerParams()
        self._prior = prior or shipped_prior()
        self._seed = seed
        experts = tuple(EXPERTS)
        self._expert_of = np.array(
            [next(n for n, figures in enumerate(EXPERTS.values()) if f in figures) for f in self._prior.features],
            dtype=np.intp,
        )
        self._experts = len(experts)
        self.features: tuple[str, ...] = (
            *experts,
            *(f"evidence/{family}" for family in EVIDENCE),
            "novelty",
            "nothing_found_before",
            "found_before",
            "bias",
        )
        self._examples: list[Example] = []
        self._undone: set[str] = set()
        self._at_opening: dict[str, tuple[float, tuple[float, ...]]] = {}
        self._yesterday: dict[str, tuple[float, tuple[float, ...]]] = {}
        self._last_found: dict[str, tuple[int, bool]] = {}
        self._untaught = 0
        self._model = self._fresh()

    @property
    def prior(self) -> Prior:
        return self._prior

    # --- ranking

    def describe(self, day: AreaDay, log_odds: F64, novelty: F64, *, at_s: int) -> Described:
        """What is known of each meter of a closed day; `log_odds` (meters,) is what was said of it before any finding.
        `at_s` is the day's close."""
        p = self._params
        values = np.zeros((len(day.meter_ids), len(self.features)))
        judged = log_odds == log_odds
        asked = np.flatnonzero(judged & (log_odds >= math.log(p.described_from / (1 - p.described_from))))
        if len(asked):
            table = day.figures[asked].astype(np.float32)
            moved = self._prior.moved_by(table, self._expert_of, self._experts)
            values[asked, : self._experts] = np.clip(moved / _MOST_MOVED, -1.0, 1.0)
        first = self._experts
        for number, family in enumerate(EVIDENCE):
            values[:, first + number] = np.nan_to_num(day.family_strength.get(family, 0.0))
        values[:, -4] = np.nan_to_num(novelty)
        for row, meter_id in enumerate(day.meter_ids):
            if meter_id in self._last_found:
                values[row, -3:-1] = self._found_before(meter_id, at_s)
        values[:, -1] = 1.0
        return Described(day.meter_ids, np.clip(log_odds, -_MOST_LOG_ODDS, _MOST_LOG_ODDS), values)

    def rank(self, described: Described) -> F64:
        """Probability (meters,) that a visit finds something; NaN = not judged."""
        moved = described.values @ np.array([self.weights.get(name, 0.0) for name in self.features])
        return np.asarray(1 / (1 + np.exp(-(described.log_odds + moved))))

    @property
    def weights(self) -> dict[str, float]:
        """What was learnt, by feature; empty before the first finding."""
        return {str(name): float(weight) for name, weight in self._model.weights.items()}

    # --- learning

    def end_day(self, described: Iterable[Described]) -> None:
        """Remember the day for findings of tomorrow, of meters that anybody could think of visiting."""
        least = math.log(self._params.described_from / (1 - self._params.described_from))
        self._yesterday = {
            of_area.meter_ids[row]: of_area.row(row)
            for of_area in described
            for row in np.flatnonzero(of_area.log_odds >= least).tolist()
        }

    def task_opened(self, meter_id: str, described: Described, row: int) -> None:
        """Keep the meter as it is now, for the finding of this task."""
        if described.log_odds[row] == described.log_odds[row]:
            self._at_opening[meter_id] = described.row(row)

    def learn(self, finding: Finding, *, of_task: bool) -> str | None:
        """Take a finding in, in the order of the stream; `of_task`: it answers the task that was opened for the meter.

        One without a task of its own that contradicts an earlier one at the meter (an appeal upheld, a re-check) withdraws it:
        its id is returned. If something was found after all, that is learnt in its place.
        """
        meter_id = finding.meter_id
        if finding.finding_id in self._undone or self._was_learnt(finding.finding_id):
            return None
        self._last_found[meter_id] = (finding.found_at_s, finding.confirmed)
        if finding.confirmed:
            self._outrank_words(finding)
        known = self._at_opening.pop(meter_id, None) if of_task else None
        contradicted = None if of_task else self._contradicted_by(finding)
        if contradicted is not None:
            self.undo(contradicted.finding_id)
            if not finding.confirmed:
                return contradicted.finding_id
            known = contradicted.log_odds, contradicted.values
        known = known or self._yesterday.get(meter_id)
        if known is None:
            self._untaught += 1
            return None
        self._take_in(
            Example(
                finding.finding_id,
                meter_id,
                finding.found_at_s,
                finding.confirmed,
                finding.abnormality,
                *known,
            )
        )
        return None if contradicted is None else contradicted.finding_id

    def hear(self, said: Dismissal) -> None:
        """Take a person's word in, in the order of the stream; the meter is as it was when its task was opened, else the day before."""
        known = self._as_it_was(said)
        if known is None or said.dismissal_id in self._undone or self._was_learnt(said.dismissal_id):
            return
        weight = self._params.said_weight
        self._take_in(
            Example(said.dismissal_id, said.meter_id or "", said.said_at_s, False, None, *known, weight=weight)
        )

    def _as_it_was(self, said: Dismissal) -> tuple[float, tuple[float, ...]] | None:
        if said.meter_id is None or not said.teaches:
            return None
        return self._at_opening.get(said.meter_id) or self._yesterday.get(said.meter_id)

    def _was_learnt(self, finding_id: str) -> bool:
        return any(e.finding_id == finding_id for e in self._examples)

    def _take_in(self, example: Example) -> None:
        self._examples.append(example)
        del self._examples[: -int(self._params.remembered)]
        self._learn_last(self._model, self._examples)

    def _outrank_words(self, finding: Finding) -> None:
        """Something was found: who said before that it is no problem was wrong."""
        since_s = finding.found_at_s - CONTRADICTS_WITHIN_S
        for example in self._examples:
            if example.is_word and example.meter_id == finding.meter_id and example.found_at_s >= since_s:
                self.undo(example.finding_id)

    def _contradicted_by(self, finding: Finding) -> Example | None:
        since_s = finding.found_at_s - CONTRADICTS_WITHIN_S
        for example in reversed(self._examples):
            if example.meter_id == finding.meter_id and example.found_at_s >= since_s and not example.is_word:
                return example if example.confirmed is not finding.confirmed else None
        return None

    def undo(self, finding_id: str) -> bool:
        """Learn anew as if this finding had never come. False where it taught nothing."""
        kept = [e for e in self._examples if e.finding_id != finding_id]
        if len(kept) == len(self._examples):
            return False
        self._undone.add(finding_id)
        self._examples, self._model = kept, self._taught(kept)
        return True

    def effects(self) -> dict[str, dict[str, float]]:
        """By finding that teaches, what it alone moved of each weight; over all findings they add up to `weights`.

        That is every step the finding was learnt by, its own and those in which it was learnt again beside later ones,
        less what the pull has taken back since. What earlier findings learnt again moved is theirs.
        """
        number_of = {example.finding_id: n for n, example in enumerate(self._examples)}
        moved = np.zeros((len(self._examples), len(self.features)))
        model, before, left = self._fresh(), np.zeros(len(self.features)), 1.0
        for number in range(1, len(self._examples) + 1):
            for example, weight in self._learnt_with(self._examples[:number]):
                self._learn(model, example, weight)
                kept = 1 - weight * self._params.learning_rate * self._params.pull
                after = np.array([model.weights.get(name, 0.0) for name in self.features])
                left *= kept
                moved[number_of[example.finding_id]] += (after - kept * before) / left
                before = after
                if left < _LEAST_LEFT:
                    moved, left = moved * left, 1.0
        return {
            finding_id: dict(zip(self.features, (left * moved[n]).tolist(), strict=True))
            for finding_id, n in number_of.items()
        }

    def was_undone(self, finding_id: str) -> bool:
        """Whether a person, or a finding that contradicts it, took this one back."""
        return finding_id in self._undone

    @property
    def yesterday(self) -> Mapping[str, tuple[float, tuple[float, ...]]]:
        """(log-odds before any finding, values of the features) of each meter that anybody could think of visiting, as of the last closed day."""
        return self._yesterday

    @property
    def examples(self) -> Sequence[Example]:
        return tuple(self._examples)

    def last_found(self, meter_id: str) -> tuple[int, bool] | None:
        """(epoch seconds, confirmed) of the newest finding at the meter."""
        return self._last_found.get(meter_id)

    def _fresh(self) -> LogisticRegression:
        return LogisticRegression(optimizer=SGD(self._params.learning_rate), l2=self._params.pull, intercept_lr=0.0)

    def _taught(self, examples: Sequence[Example]) -> LogisticRegression:
        model = self._fresh()
        for number in range(1, len(examples) + 1):
            self._learn_last(model, examples[:number])
        return model

    def _learn_last(self, model: LogisticRegression, examples: Sequence[Example]) -> None:
        """Learn the last of the examples, and some of those before it."""
        for example, weight in self._learnt_with(examples):
            self._learn(model, example, weight)

    def _learnt_with(self, examples: Sequence[Example]) -> list[tuple[Example, float]]:
        """The last of the examples, then those before it that are learnt again with it, drawn by its number; each with its step's length."""
        draw = random.Random(f"{self._seed}/{len(examples)}")
        earlier = range(len(examples) - 1)
        again = draw.sample(earlier, min(int(self._params.replayed), len(earlier)))
        newest = examples[-1]
        return [(newest, newest.weight), *((examples[n], examples[n].weight * newest.weight) for n in again)]

    def _learn(self, model: LogisticRegression, example: Example, weight: float) -> None:
        """One step of descent, `weight` as long: what it takes of the example, and what it pulls back."""
        model.intercept = example.log_odds
        model.optimizer.lr = Constant(self._params.learning_rate * weight)
        model.learn_one(dict(zip(self.features, example.values, strict=True)), example.confirmed)
        model.optimizer.lr = Constant(self._params.learning_rate)

    def _found_before(self, meter_id: str, at_s: int) -> tuple[float, float]:
        """(nothing found, found) at the meter, halved every `half_life_days`."""
        found_at_s, confirmed = self._last_found[meter_id]
        left = 0.5 ** (max(at_s - found_at_s, 0) / DAY_S / self._params.half_life_days)
        return (0.0, left) if confirmed else (left, 0.0)

    # --- pages

    def dump(self) -> bytes:
        return pack_model(
            _SCHEMA,
            (
                self._examples,
                sorted(self._undone),
                self._at_opening,
                self._yesterday,
                self._last_found,
                self._untaught,
                self._model,
            ),
        )

    def load(self, page: bytes) -> None:
        before = is_of(_SCHEMA_BEFORE, page)
        (
            self._examples,
            undone,
            self._at_opening,
            self._yesterday,
            self._last_found,
            self._untaught,
            self._model,
        ) = unpack_model(_SCHEMA_BEFORE if before else _SCHEMA, page)
        if before:
            self._examples = [_of_inspection(example) for example in self._examples]
        self._undone = set(undone)


def _of_inspection(example: Example) -> Example:
    """One that was written when there was no weight."""
    return Example(**{each.name: getattr(example, each.name) for each in fields(Example) if each.name != "weight"})
