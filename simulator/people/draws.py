"""Chance that depends on nothing but the run's seed, the task and what is asked: no order, no clock, no stream of draws."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

_WHOLE = 2.0**64


@dataclass(frozen=True, slots=True)
class Draws:
    """The chances of one task in one run."""

    seed: int
    task_id: str

    def share(self, what: str) -> float:
        """Uniform in [0, 1), the same for the same seed, task and question.

        >>> round(Draws(1, "t-1").share("overlooked"), 4) == round(Draws(1, "t-1").share("overlooked"), 4)
        True
        """
        digest = blake2b("\x1f".join([str(self.seed), self.task_id, what]).encode(), digest_size=8).digest()
        return int.from_bytes(digest) / _WHOLE

    def happens(self, what: str, probability: float) -> bool:
        return self.share(what) < probability

    def between(self, what: str, span: tuple[float, float]) -> float:
        """Uniform between two numbers."""
        low, high = span
        return low + (high - low) * self.share(what)

    def whole(self, what: str, span: tuple[int, int]) -> int:
        """One of the whole numbers from the first to the last, all alike likely."""
        low, high = span
        return low + int((high - low + 1) * self.share(what))
