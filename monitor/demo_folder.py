"""The folder of a demo: what it is a demo of, and whether one that was cut short goes on in it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from evaluation.run_folder import REPORT
from metering.errors import MeterwatchError

DEMO_FILE, JOURNAL_FILE = "demo.toml", "relayed.jsonl"
DEFAULT = Path("runs") / "demo"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asked for; None stands for what the folder has, else for the default."""

    days: int | None = None
    areas: int | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Size:
    """What the demo's province is drawn from."""

    days: int = 60
    areas: int = 20
    seed: int = 1


@dataclass(frozen=True, slots=True)
class DemoFolder:
    path: Path
    size: Size
    goes_on: bool


def begin_demo(out: Path | None, asked: Asked) -> DemoFolder:
    """A new folder with its `demo.toml`, or the one of a demo that was begun in `out` before.

    Raises `MeterwatchError` where `out` holds anything else, or a demo of another size.
    """
    path = out or _free(DEFAULT)
    begun = _size_in(path)
    if begun is not None:
        if _completed(asked, begun) != begun:
            raise MeterwatchError(
                f"{path} holds a demo of {begun.days} days and {begun.areas} areas, seed {begun.seed}: it goes on without "
                "--days, --areas and --seed; give --out a new folder for another one"
            )
        return DemoFolder(path, begun, goes_on=True)
    if path.exists() and any(path.iterdir()):
        raise MeterwatchError(f"{path} is not empty: give --out a new folder")
    size = _completed(asked, Size())
    path.mkdir(parents=True, exist_ok=True)
    told = f"days = {size.days}\nareas = {size.areas}\nseed = {size.seed}\n"
    (path / DEMO_FILE).write_text(told, encoding="utf-8")
    return DemoFolder(path, size, goes_on=False)


def cut_short(beside: Path) -> Path | None:
    """The newest demo among the default folders, where it has no report and is not `beside`."""
    newest, number = None, 1
    while (folder := _numbered(DEFAULT, number)).exists() and folder != beside:
        newest, number = folder, number + 1
    if newest is None or _size_in(newest) is None or (newest / REPORT).exists():
        return None
    return newest


def _completed(asked: Asked, known: Size) -> Size:
    return Size(
        known.days if asked.days is None else asked.days,
        known.areas if asked.areas is None else asked.areas,
        known.seed if asked.seed is None else asked.seed,
    )


def _size_in(folder: Path) -> Size | None:
    file = folder / DEMO_FILE
    if not file.is_file():
        return None
    try:
        return Size(**tomllib.loads(file.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, TypeError) as error:
        raise MeterwatchError(f"{file} cannot be read ({error}): give --out a new folder") from error


def _free(wanted: Path) -> Path:
    """`wanted`, or the first of wanted-2, wanted-3 ... that does not exist yet."""
    number = 1
    while (folder := _numbered(wanted, number)).exists():
        number += 1
    return folder


def _numbered(wanted: Path, number: int) -> Path:
    return wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
