"""What a benchmark is given: the size of its feed, a folder to work in; and the feed, simulated once and kept."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.child import READY, Account
from metering.errors import MeterwatchError
from tests.system.servers import cache_folder, wait_until

ROOT = Path(__file__).parent.parent
#: Feeds of benchmarks are all drawn from this seed, so that two runs measure the same.
SEED = 7
FINISHED_WITHIN_S = 1_800.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of the feed (customers per area, days of 15-minute intervals), and a folder that is thrown away afterwards."""

    areas: int
    meters_per_area: int
    days: int
    folder: Path
    quick: bool = False

    @property
    def feed_text(self) -> str:
        return f"{self.areas} areas x {self.meters_per_area} customers x {self.days} days of 15 minutes, seed {SEED}"

    def feed(self) -> Path:
        """The feed's folder; simulated at first use, kept by its sizes and by the simulator's own source."""
        from simulator.recipe import Recipe
        from simulator.simulate import simulate

        name = f"{self.areas}x{self.meters_per_area}x{self.days}-{SEED}-{_simulator_version()}"
        folder = cache_folder() / "benchmarks" / name
        if not folder.exists():
            made = folder.with_name(f"{name}.{os.getpid()}")
            simulate(made, Recipe(areas=self.areas, meters_per_area=self.meters_per_area, days=self.days, seed=SEED))
            made.rename(folder)
        return folder


def _simulator_version() -> str:
    source = hashlib.blake2b(digest_size=5)
    for path in sorted((ROOT / "simulator").rglob("*.py")):
        source.update(path.read_bytes())
    return source.hexdigest()


class Child:
    """A process of `benchmarks.child`; ended, however the benchmark ends, by the context manager that made it."""

    def __init__(
        self, folder: Path, name: str, role: str, *arguments: str, env: Mapping[str, str] | None = None
    ) -> None:
        self.account_path = folder / f"{name}.json"
        self.log_path = folder / f"{name}.log"
        self._ready = Path(str(self.account_path) + READY)
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(  # noqa: S603 - this program itself
                [sys.executable, "-m", "benchmarks.child", str(self.account_path), role, *arguments],
                cwd=ROOT,
                env=dict(os.environ if env is None else env),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait_ready(self) -> None:
        """Until a worker holds its partitions."""
        wait_until(lambda: self._ready.exists() or self.process.poll() is not None, "a worker holds its partitions")
        if self.process.poll() is not None:
            raise MeterwatchError(self._failure())

    def finish(self, *, ask: bool = False) -> Account:
        """Its account, once it has ended; a worker ends when it is asked (SIGTERM)."""
        self.wait(ask=ask)
        return Account.read(self.account_path)

    def wait(self, *, ask: bool = False) -> None:
        if ask:
            self.process.terminate()
        if self.process.wait(FINISHED_WITHIN_S) != 0:
            raise MeterwatchError(self._failure())

    def _failure(self) -> str:
        end = "\n".join(self.log_path.read_text(errors="replace").splitlines()[-20:])
        return f"a process of the benchmark ended with {self.process.returncode}; the end of its log:\n{end}"


@contextmanager
def child(folder: Path, name: str, role: str, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[Child]:
    started = Child(folder, name, role, *arguments, env=env)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.process.kill()
            started.process.wait()
