"""Nothing the product offers is left unsaid, no link leads nowhere, and nothing of one machine stands in the tree."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from alerts.life import AlertBank
from alerts.watch import RULES
from detectors.bank import day_models, detector_names
from docs.tables import BLOCKS, with_block
from evaluation.run_folder import alert_row, task_row
from metering.archive import Area, Meter
from metering.catalogue import CATALOGUE
from metering.inspection import InspectionTask, TaskState
from metering.messages import MeterEvent
from metering.points import SCHEMA
from metering.readings import READING_COLUMNS, SetAside
from metering.times import LocalCalendar
from monitor.command_line import app
from monitor.settings import PREFIX, Settings
from operations.screen_event import EventSetAside
from simulator.feeds.feed_tables import METER_COLUMNS
from streams.topics import TOPICS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@cache
def tracked() -> tuple[str, ...]:
    """The files of the repository; outside a git checkout everything but what tools leave behind."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode == 0:
        names = listed.stdout.decode().split("\0")
    else:
        names = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if not _left_behind(path)]
    return tuple(name for name in names if name and (ROOT / name).is_file())


def _left_behind(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return (
        any(part == "__pycache__" or part.endswith(".egg-info") for part in parts)
        or (parts[0].startswith(".") and parts[0] not in (".ci", ".gitignore", ".dockerignore", ".env.example"))
        or parts[0] in ("runs", "feeds", "build")
    )


def commands(group: Any, before: str = "") -> Iterator[tuple[str, list[str]]]:
    """(command, its options) of the whole command line."""
    for name, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", [o for p in command.params for o in p.opts if o.startswith("--")]


COMMANDS = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize(("page", "block"), BLOCKS)
def test_a_table_says_what_the_code_says(page: str, block: str) -> None:
    written = text(f"docs/{page}")
    assert written == with_block(written, block, BLOCKS[page, block]()), "run: python -m docs.tables"


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="needs the lines"):
        with_block("# Settings\n", "settings", "")


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described(name: str) -> None:
    assert Settings.model_fields[name].description
    assert f"`{PREFIX}{name.upper()}`" in text("docs/settings.md")


@pytest.mark.parametrize("topic", [topic.name for topic in TOPICS])
def test_every_topic_is_in_the_runbook(topic: str) -> None:
    assert f"`{topic}`" in text("docs/runbook.md")


@pytest.mark.parametrize("code", RULES)
def test_every_alarm_of_the_monitor_itself_has_its_place_in_the_runbook(code: str) -> None:
    section = text("docs/runbook.md").partition(f"\n### `{code}`")[2].partition("\n### ")[0].partition("\n## ")[0]
    for begins in ("Means:", "Look at:", "Do:"):
        assert begins in section


@pytest.mark.parametrize("measurement", SCHEMA)
def test_every_measurement_is_described(measurement: str) -> None:
    assert f"### `{measurement}`" in text("docs/measurements.md")


@pytest.mark.parametrize("name", [*detector_names(), *(model.name for model in day_models(seed=1))])
def test_every_detector_is_named(name: str) -> None:
    assert f"`{name}`" in text("docs/add-a-detector.md")


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_abnormality_is_in_the_glossary(code: str) -> None:
    assert f"`{code}`" in text("docs/glossary.md")


@pytest.mark.parametrize("reason", EventSetAside)
def test_every_reason_for_setting_an_event_aside_is_described(reason: EventSetAside) -> None:
    assert f"`{reason}`" in text("docs/feed.md")


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_abnormality_has_its_line_and_says_who_judges_it_or_what_is_missing(code: str) -> None:
    (line,) = [line for line in text("docs/abnormalities.md").splitlines() if line.startswith(f"| `{code}` ")]
    assert re.split(r"(?<!\\\\) \| ", line)[7].strip()


@pytest.mark.parametrize("column", [*METER_COLUMNS, *READING_COLUMNS])
def test_every_column_of_a_feed_is_described(column: str) -> None:
    assert f"`{column}`" in text("docs/feed.md")


@pytest.mark.parametrize("reason", SetAside)
def test_every_reason_for_setting_aside_is_described(reason: SetAside) -> None:
    assert f"| `{reason}` |" in text("docs/feed.md")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command: str) -> None:
    assert re.search(rf"`{command}\b", text("README.md")), f"meterwatch {command}"


def test_every_option_that_the_readme_names_exists() -> None:
    for line in text("README.md").splitlines():
        cell = re.match(r"\| (`[^|]*(?:\\\|[^|]*)*) \|", line)
        if cell is None:
            continue
        said = [re.match(r"[a-z0-9-]+(?: [a-z0-9][a-z0-9-]*)*", code) for code in re.findall(r"`([^`]+)`", cell[1])]
        named = [match[0] for match in said if match is not None]
        known = [
            o for name in named for command, options in COMMANDS.items() if name.startswith(command) for o in options
        ]
        for option in re.findall(r"--[a-z-]+", cell[1]):
            assert option in known or option.replace("--no-", "--") in known, f"{option} in {line}"


def test_every_command_line_in_the_pages_exists() -> None:
    first_words = {command.split()[0] for command in COMMANDS}
    for page in pages():
        for word in re.findall(r"\bmeterwatch ([a-z][a-z-]+)", "\n".join(code_of(text(page)))):
            assert word in first_words, f"meterwatch {word} in {page}"


@pytest.mark.parametrize("verb", re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
def test_every_verb_of_make_is_in_the_readme(verb: str) -> None:
    assert f"`make {verb}`" in text("README.md")


def test_no_page_names_a_verb_that_make_does_not_have() -> None:
    verbs = set(re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE))
    for page in pages():
        for verb in re.findall(r"^make ([a-z]+)|`make ([a-z]+)", text(page), re.MULTILINE):
            assert (verb[0] or verb[1]) in verbs, f"make {verb} in {page}"


def test_no_page_names_a_setting_that_does_not_exist() -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    around = {"METERWATCH_CACHE", "METERWATCH_TEST_", "METERWATCH_FEED"}
    for page in pages():
        for name in re.findall(r"METERWATCH_[A-Z_]+[A-Z]_?", text(page)):
            assert name.removesuffix("_FILE") in known | around, f"{name} in {page}"


def pages() -> list[str]:
    return [name for name in tracked() if name.endswith(".md")]


def code_of(page: str) -> list[str]:
    """Code blocks and code words of a page."""
    return re.findall(r"```.*?```|`[^`\n]+`", page, re.DOTALL)


def test_every_relative_link_leads_somewhere() -> None:
    for page in pages():
        prose = re.sub(r"```.*?```", "", text(page), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", prose):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            where = (ROOT / page).parent / path if path else ROOT / page
            assert where.exists(), f"{target} in {page}"
            if anchor:
                assert anchor in anchors(where.read_text(encoding="utf-8")), f"{target} in {page}"


def anchors(page: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_files_that_the_pages_name_exist() -> None:
    top = {name.split("/")[0] for name in tracked() if "/" in name}
    for page in pages():
        for name in re.findall(r"`([a-z_.-]+/[\w./-]+\.(?:py|toml|yml|sh|json|svg|css))`", text(page)):
            if name.split("/")[0] in top:
                assert (ROOT / name).is_file(), f"{name} in {page}"


#: Homes and work folders of a machine, and hosts that serve packages. Put together here, so that this file is clean.
_MACHINE = [f"/{folder}/" for folder in ("root", "work", "home", "Users")]
_HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("proxy", "golang", "org"),
        ("repo", "maven", "apache", "org"),
        ("repo1", "maven", "org"),
        ("index", "crates", "io"),
    )
]


def test_no_file_names_a_machine_or_a_registry() -> None:
    found = []
    for name in tracked():
        try:
            written = (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{name}: {host}" for host in _HOSTS if host in written]
        found += [f"{name}: {folder}" for folder in _MACHINE if re.search(rf"(?<![\w.~/-]){folder}\w", written)]
    assert not found


def test_locks_hold_hashes_and_no_address() -> None:
    locks = sorted((ROOT / "requirements").glob("*.txt"))
    assert locks
    for lock in locks:
        written = lock.read_text(encoding="utf-8")
        assert "--hash=sha256:" in written
        assert "://" not in written, lock.name
        for pinned in re.findall(r"^(\S+)==", written, re.MULTILINE):
            assert re.search(rf"^{re.escape(pinned)}==.*\\\n    --hash", written, re.MULTILINE), (
                f"{pinned} in {lock.name}"
            )


def test_every_decision_is_listed() -> None:
    listed = text("docs/adr/README.md")
    for page in sorted((DOCS / "adr").glob("0*.md")):
        title = re.match(r"# (\d{4}): ", page.read_text(encoding="utf-8"))
        assert title is not None, page.name
        assert page.name.startswith(title[1])
        assert f"]({page.name})" in listed


def test_every_field_of_alerts_and_tasks_is_explained() -> None:
    meter = Meter("M1", "P1", "C1", "A1", "customer")
    bank = AlertBank(Area("A1", (meter,)), LocalCalendar("UTC"))
    alert = bank.report(MeterEvent("M1", 86_400, "cover_open"), 0, in_work_order=False)
    assert alert is not None
    task = InspectionTask("t-1", (), "P1", "A1", TaskState.OPEN, "high", 0.9, 1, 86_400, 90_000)
    page = text("docs/run.md")
    alerts, tasks = page.split("## tasks.jsonl")
    for part, row in ((alerts, alert_row(alert)), (tasks, task_row(task))):
        assert [field for field in row if f"`{field}`" not in part] == []
