"""The command `meterwatch`: names and options are fixed, others' scripts call them. Exit codes: 0 done, 1 failed, 2 wrong use."""

from __future__ import annotations

import errno
import logging
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from metering.errors import FeedError, MeterwatchError

app = typer.Typer(
    name="meterwatch",
    help="A streaming, real-time metering monitor: from a meter reading to an inspection task.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
import_app = typer.Typer(help="Make a feed (or one per interval length) of real data.", no_args_is_help=True)
state_app = typer.Typer(help="What is remembered of an area: show it, or learn it anew.", no_args_is_help=True)
letters_app = typer.Typer(
    help="Messages that could not be read: list, retry, or accept their rate.", no_args_is_help=True
)
app.add_typer(import_app, name="import")
app.add_typer(state_app, name="state")
app.add_typer(letters_app, name="dead-letters")
silence_app = typer.Typer(
    help="Hear nothing of a place or a kind for a while: silences, work windows, whitelists.", no_args_is_help=True
)
app.add_typer(silence_app, name="silence")
token_app = typer.Typer(help="Who may call the desk's API.", no_args_is_help=True)
app.add_typer(token_app, name="token")
alerts_app = typer.Typer(help="What people say of alerts from the office.", no_args_is_help=True)
app.add_typer(alerts_app, name="alerts")
findings_app = typer.Typer(help="What inspections found and taught; take a finding back.", no_args_is_help=True)
app.add_typer(findings_app, name="findings")

notifications_app = typer.Typer(
    help="What people were sent, what waits and what failed; test a channel.", no_args_is_help=True
)
app.add_typer(notifications_app, name="notifications")

FeedArgument = Annotated[Path, typer.Argument(help="feed folder", metavar="FEED")]
RunArgument = Annotated[Path, typer.Argument(help="RUN folder", metavar="RUN")]
OutOption = Annotated[Path, typer.Option("--out", help="folder to write; must be new or empty")]


def main() -> None:
    """Entry point: errors that a person can mend are one line on standard error and exit code 1."""
    try:
        app()
    except MeterwatchError as error:
        print(f"meterwatch: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("meterwatch: interrupted", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        # A folder that cannot be written, a full disk. Anything without a name or a known cause is a defect of ours.
        if error.filename is None and error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}:
            raise
        where = f"{error.filename}: " if error.filename is not None else ""
        print(f"meterwatch: {where}{error.strerror or error}; choose another place, or mend this one", file=sys.stderr)
        sys.exit(1)


def _print_json(found: Any) -> None:
    import orjson

    print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())


@app.command()
def simulate(
    out: OutOption,
    areas: Annotated[int, typer.Option(help="transformer areas")] = 20,
    meters_per_area: Annotated[
        str, typer.Option(help="customers per area, or fewest and most: 20-500", metavar="N|LOW-HIGH")
    ] = "50",
    days: Annotated[int, typer.Option(help="local days")] = 60,
    seed: Annotated[int, typer.Option(help="same seed, same bytes")] = 1,
    pack: Annotated[
        list[str] | None,
        typer.Option(
            "--pack",
            help="scenario pack: clean, mixed, hard, storm, new-year, training, province; may be given more than once",
        ),
    ] = None,
    interval_minutes: Annotated[int, typer.Option(help="metering interval: 1 to 60 that divide an hour")] = 15,
    prevalence: Annotated[
        float | None,
        typer.Option(help="share of customers with an abnormality, 0 to 0.5; default: the pack's own, 0.08 in mixed"),
    ] = None,
    hard: Annotated[
        bool,
        typer.Option("--hard", help="noisy voltages, wrong topology, small thefts, a master meter that is off"),
    ] = False,
    start: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="first local day", show_default="2026-01-01")
    ] = datetime(2026, 1, 1),  # noqa: DTZ001 - a day of the calendar, without a zone
    climate: Annotated[
        str, typer.Option(help="a built-in climate (docs/world.md) or a CSV with time,temperature_c[,sunshine]")
    ] = "cold_plateau",
    timezone: Annotated[str, typer.Option(help="IANA zone; default: the climate's own")] = "",
    shapes: Annotated[
        Path | None,
        typer.Option(help="feed folder whose customers' load curves are used, by resampling", metavar="FEED"),
    ] = None,
    registers: Annotated[
        Literal["none", "daily", "every"],
        typer.Option(help="when register_kwh is read: at midnight, or with every reading"),
    ] = "daily",
) -> None:
    """Write a feed of a simulated province with its truth."""
    from monitor.progress import stages
    from simulator.recipe import Recipe, area_sizes
    from simulator.simulate import simulate as simulate_feed

    try:
        recipe = Recipe(
            areas=areas,
            meters_per_area=area_sizes(meters_per_area),
            days=days,
            seed=seed,
            interval_minutes=interval_minutes,
            packs=tuple(pack or ("mixed",)),
            prevalence=prevalence,
            start=start.date(),
            timezone=timezone,
            registers=registers,
            hard=hard,
            climate=str(Path(climate).resolve()) if Path(climate).is_file() else climate,
            shapes="" if shapes is None else str(shapes.resolve()),
        )
    except FeedError as error:
        raise typer.BadParameter(str(error)) from error
    if prevalence and not recipe.pack.weights:
        raise typer.BadParameter(
            f"--prevalence {prevalence}: {'+'.join(recipe.packs)} has no mixture of abnormalities to take a share of; "
            "add --pack mixed"
        )
    with stages("drawing the province", "simulating", "writing the exercise") as (drawing, living, exercising):
        summary = simulate_feed(out, recipe, drawing=drawing, progress=living, exercising=exercising)
    print(f"{out}: {summary}")


@import_app.command("simbench")
def import_simbench_command(
    source: Annotated[str, typer.Argument(help="SimBench code, e.g. 1-LV-semiurb4--0-no_sw", metavar="CODE")],
    out: OutOption,
) -> None:
    """A SimBench low-voltage grid: a year of 15-minute profiles (needs the extra `simbench`)."""
    from monitor.progress import progress
    from simulator.imports.import_simbench import import_simbench

    with progress("importing") as advance:
        summary = import_simbench(source, out, advance)
    print(f"{out}: {summary}")


@import_app.command("nem12")
def import_nem12_command(
    sources: Annotated[list[Path], typer.Argument(help="NEM12 files, zipped or not", metavar="FILES...")],
    out: OutOption,
) -> None:
    """Australian NEM12 files, one feed per interval length; files that are refused are named with line and reason."""
    from simulator.imports.import_nem12 import import_nem12

    summary = import_nem12(sources, out)
    print(summary.text())
    if summary.refused:
        raise typer.Exit(1)


@import_app.command("csv")
def import_csv_command(
    sources: Annotated[list[Path], typer.Argument(help="CSV files, one reading a line (.gz too)", metavar="SOURCE...")],
    out: OutOption,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="THEIRS=ours, e.g. kwh=energy_kwh; may be given more than once")
    ] = None,
    mapping_file: Annotated[Path | None, typer.Option(help="TOML file with the mapping and all options")] = None,
    interval_minutes: Annotated[int, typer.Option(min=1, max=1440, help="metering interval")] = 15,
    timezone: Annotated[str, typer.Option(help="IANA zone of the calendar, and of times without an offset")] = "UTC",
    unit: Annotated[Literal["kWh", "Wh", "MWh", "kW", "W"], typer.Option(help="unit of the energy columns")] = "kWh",
    area: Annotated[str, typer.Option(help="transformer area of meters whose area the source does not name")] = "A1",
) -> None:
    """A CSV in long format, by a mapping of its columns."""
    from simulator.imports.import_csv import CsvImport, import_csv, mapping_of

    given: dict[str, Any] = {"interval_minutes": interval_minutes, "timezone": timezone, "unit": unit, "area": area}
    how = CsvImport(**given | mapping_of(mapping or [], mapping_file))
    print(f"{out}: {import_csv(sources, out, how)}")


@app.command()
def replay(
    feed: FeedArgument,
    out: OutOption,
    through: Annotated[
        Literal["direct", "memory", "kafka"], typer.Option(help="in one loop, through memory:// or through Kafka")
    ] = "direct",
    kafka: Annotated[str | None, typer.Option(help="Kafka bootstrap, host:port", metavar="URL")] = None,
    thresholds: Annotated[Path | None, typer.Option(help="TOML file with detector thresholds")] = None,
    inspect: Annotated[str | None, typer.Option(help="simulated inspections, e.g. 20/week")] = None,
    finding_delay: Annotated[str, typer.Option(help="from visit to finding, e.g. 7d or 12h")] = "7d",
    truth: Annotated[
        Path | None,
        typer.Option(
            help="truth.csv for the simulated inspector, or a feed folder that holds one; default: the feed's own"
        ),
    ] = None,
    inspector: Annotated[
        Literal["perfect", "human"] | None,
        typer.Option(
            help="human errs, waits and is appealed against; perfect finds what is true, at once; default: human where the "
            "feed's own cases.csv says what is hidden, else, and always with --truth, perfect"
        ),
    ] = None,
    static: Annotated[
        bool,
        typer.Option("--static", help="read a simulated feed's file, so that nothing an inspection mends shows in it"),
    ] = False,
    workers: Annotated[
        int, typer.Option(min=0, help="worker processes with --through kafka; 0 = workers of yours are running")
    ] = 1,
    series: Annotated[bool, typer.Option(help="keep raw readings and points in the RUN folder")] = True,
) -> None:
    """A feed through the whole pipeline, into a RUN folder."""
    from monitor.inspected import Inspection
    from monitor.progress import progress
    from monitor.replay import ReplayPlan
    from monitor.replay import replay as run_replay
    from monitor.settings import load_settings
    from simulator.people.capacity import delay_s, visits_per_day

    inspection = None
    if inspect is None and (truth is not None or inspector is not None or static):
        raise typer.BadParameter(
            "--truth, --inspector and --static are about simulated inspections: add --inspect 20/week"
        )
    if inspect is not None:
        inspection = Inspection(visits_per_day(inspect), delay_s(finding_delay), truth, inspector, static)
    plan = ReplayPlan(feed, out, through, thresholds, inspection, keep_series=series, kafka_url=kafka, workers=workers)
    with progress("replaying") as advance:
        report = run_replay(plan, load_settings(), advance)
    _print_json(report)


@app.command()
def evaluate(
    run: RunArgument,
    truth: Annotated[Path, typer.Option("--truth", help="truth.csv, or a feed folder that holds one")],
    json: Annotated[
        Path | None, typer.Option("--json", help="write the figures here; - prints them instead of the tables")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="write one page here: figures, charts, the missed cases' load curves")
    ] = None,
    feed: Annotated[
        Path | None, typer.Option("--feed", help="feed folder with the archive; default: the one the run was made of")
    ] = None,
) -> None:
    """Score a run against the truth: detection, false cases, ranking, inspections, energy found."""
    from evaluation.run_folder import write_report
    from evaluation.table import print_score
    from monitor.progress import progress
    from monitor.scoring import evaluate_run, write_page

    found = evaluate_run(run, truth, feed)
    if html is not None:
        with progress("drawing missed cases") as advance:
            write_page(found, html, advance)
    if json is None or str(json) != "-":
        print_score(found.score, found.name, sys.stdout)
        if json is not None:
            write_report(json, found.score.as_json())
    else:
        _print_json(found.score.as_json())


@app.command()
def explain(
    run: RunArgument,
    meter: Annotated[str, typer.Option("--meter", help="meter id")],
    at: Annotated[str, typer.Option("--at", help="a time in the interval, ISO 8601 with an offset or Z")],
) -> None:
    """One reading through every score, stage and decision."""
    from monitor.explain import explain_reading

    for line in explain_reading(run, meter, at):
        print(line)


@app.command()
def diff(
    before: Annotated[Path, typer.Argument(metavar="RUN1")],
    after: Annotated[Path, typer.Argument(metavar="RUN2")],
    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth", help="truth.csv for what is missed; default: the feed's own, else the first run's findings"
        ),
    ] = None,
) -> None:
    """What a change would open, close and miss: two runs of the same feed, e.g. with other --thresholds."""
    from monitor.compare import compare_runs

    for line in compare_runs(before, after, truth).lines():
        print(line)


@app.command()
def publish(
    feed: FeedArgument,
    kafka: Annotated[str | None, typer.Option("--kafka", help="Kafka bootstrap, host:port", metavar="URL")] = None,
    speed: Annotated[
        str | None,
        typer.Option(help="how much faster than real time, e.g. 900; or max  [default: max; 1 with --catch-up]"),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="go on after the last day, with new days of the simulation, until SIGTERM")
    ] = False,
    catch_up: Annotated[
        bool, typer.Option("--catch-up", help="send at once what is older than now, the rest by the wall clock")
    ] = False,
    final: Annotated[bool, typer.Option(help="end the feed: close its last day at once (never with --follow)")] = True,
) -> None:
    """A feed onto Kafka, keyed by transformer area, in real or compressed time."""
    from monitor.publish import Playing, publish_feed
    from monitor.settings import load_settings

    playing = Playing.asked(speed, follow=follow, catch_up=catch_up, final=final)
    done = publish_feed(feed, load_settings(), kafka, playing)
    print(f"{done.readings:,} readings in {done.frames:,} frames, {done.messages:,} messages, {done.seconds:.1f} s")


@app.command()
def worker(
    role: Annotated[Literal["judge", "archive", "both"], typer.Option(help="which stage this worker runs")] = "judge",
) -> None:
    """Judge or archive the partitions that Kafka gives this worker, until SIGTERM."""
    from monitor.logs import log_to_stderr
    from monitor.settings import load_settings
    from monitor.worker import leave, run

    log_to_stderr()
    raise typer.Exit(leave(run(role, load_settings())))


@app.command()
def provision(
    archive: Annotated[Path | None, typer.Option("--archive", help="feed folder whose archive is brought in")] = None,
) -> None:
    """Make or check schema, topics and bucket, and bring the archive in. Running it again changes nothing."""
    from monitor.provision import provision as steps
    from monitor.settings import load_settings

    for line in steps(load_settings(), archive):
        print(line)


@app.command()
def doctor(
    feed: Annotated[Path | None, typer.Argument(help="also look at this feed folder", metavar="[FEED]")] = None,
) -> None:
    """What can be reached, and what to do about what cannot. Exit code 1 if something that is set does not work."""
    from monitor.provision import doctor as look
    from monitor.settings import load_settings

    failed = False
    for finding in look(load_settings(), feed):
        print(finding.line())
        failed |= finding.state == "FAILED"
    if failed:
        raise typer.Exit(1)


@app.command()
def demo(
    days: Annotated[int | None, typer.Option(min=2, help="simulated days", show_default="60")] = None,
    areas: Annotated[
        int | None, typer.Option(min=1, help="transformer areas of 50 customers", show_default="20")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="same seed, same province", show_default="1")] = None,
    serve: Annotated[bool, typer.Option(help="serve the desk until Ctrl-C")] = True,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="RUN folder; default: the next free runs/demo. A demo that was cut short goes on in its own"
        ),
    ] = None,
) -> None:
    """Simulate, watch and serve the desk in one process: no server, nothing to install."""
    from monitor.demo import demo as run_demo
    from monitor.demo_folder import Asked
    from monitor.logs import log_to_stderr
    from monitor.settings import load_settings

    log_to_stderr(logging.WARNING)
    run_demo(load_settings(), out=out, asked=Asked(days, areas, seed), serve=serve)


@app.command()
def desk(
    run: Annotated[Path | None, typer.Option("--run", help="show a finished RUN folder")] = None,
) -> None:
    """Serve the web desk until Ctrl-C."""
    from monitor.desk_server import serve_desk
    from monitor.settings import load_settings

    serve_desk(load_settings(), run)


@app.command()
def efficiency(
    run: Annotated[Path | None, typer.Option("--run", help="a RUN folder instead of the live store")] = None,
    least: Annotated[float, typer.Option("--least", min=0, help="kWh a day from which a customer uses much")] = 100.0,
    most: Annotated[int, typer.Option("--most", min=1, help="how many to list")] = 20,
) -> None:
    """List who uses much electricity and uses it worse than peers of the same class: advice, no alert."""
    from monitor.efficiency import efficiency as found

    _print_json(found(run, least_kwh_a_day=least, most=most))


@state_app.command("show")
def state_show(
    area: Annotated[str, typer.Argument(metavar="AREA")],
    run: Annotated[Path | None, typer.Option("--run", help="a RUN folder instead of the live store")] = None,
    pages: Annotated[bool, typer.Option("--pages", help="also what is stored, page by page, with sizes")] = False,
) -> None:
    """What is known of a transformer area: days learnt, its loss, meters in doubt, meter errors, how old all of it is."""
    from monitor.state import show_state

    _print_json(show_state(area, run, pages=pages))


@state_app.command("reset")
def state_reset(
    area: Annotated[str, typer.Argument(metavar="AREA")],
    run: Annotated[Path | None, typer.Option("--run", help="a RUN folder instead of the live store")] = None,
) -> None:
    """Forget what was learnt of a transformer area; its alerts and tasks stay. Stop the workers first."""
    from monitor.state import reset_state

    print(reset_state(area, run))


@silence_app.command("add")
def silence_add(
    until: Annotated[str, typer.Option(help="end, ISO 8601 with an offset or Z")],
    by: Annotated[str, typer.Option("--by", help="your name")],
    reason: Annotated[str, typer.Option("--reason", help="why, for those who read the history")],
    meter: Annotated[str | None, typer.Option(help="meter id")] = None,
    customer: Annotated[str | None, typer.Option(help="customer id: all meters of the customer")] = None,
    area: Annotated[str | None, typer.Option(help="transformer area")] = None,
    feeder: Annotated[str | None, typer.Option(help="feeder, as the archive names it")] = None,
    abnormality: Annotated[str | None, typer.Option(help="catalogue code; default: every kind")] = None,
    family: Annotated[str | None, typer.Option(help="family of abnormalities; default: every one")] = None,
    start: Annotated[str | None, typer.Option("--from", help="start; default: now")] = None,
    kind: Annotated[
        Literal["silence", "work", "whitelist"],
        typer.Option(
            help="silence for up to 92 days, planned work up to 31, whitelist (what is known to be so) up to 366"
        ),
    ] = "silence",
    even_hazards: Annotated[
        bool, typer.Option("--even-hazards", help="hold hazards back as well; else they go through")
    ] = False,
) -> None:
    """Announce no alert and open no task for a while; alerts go on and are shown. All that is named must match."""
    from monitor.silences import add
    from operations.silence import Scope

    scope = Scope(meter, customer, area, feeder, abnormality, family)
    print(add(scope, start=start, until=until, by=by, reason=reason, kind=kind, even_hazards=even_hazards))


@silence_app.command("change")
def silence_change(
    silence_id: Annotated[str, typer.Argument(metavar="ID")],
    by: Annotated[str, typer.Option("--by", help="your name")],
    reason: Annotated[str, typer.Option("--reason", help="why, for those who read the history")],
    until: Annotated[str | None, typer.Option(help="another end, ISO 8601 with an offset or Z")] = None,
    even_hazards: Annotated[
        bool | None, typer.Option("--even-hazards/--no-even-hazards", help="hold hazards back as well, or no longer")
    ] = None,
) -> None:
    """Move a silence's end, or what it does with hazards."""
    from monitor.silences import change

    print(change(silence_id, until=until, even_hazards=even_hazards, by=by, reason=reason))


@silence_app.command("list")
def silence_list() -> None:
    """The silences in force, and those that begin later."""
    from monitor.silences import in_force

    for line in in_force():
        print(line)


@silence_app.command("history")
def silence_history(
    silence_id: Annotated[str | None, typer.Argument(help="default: all", metavar="[ID]")] = None,
) -> None:
    """Every silence there ever was: who made, changed and ended it, and why."""
    from monitor.silences import history

    for line in history(silence_id):
        print(line)


@silence_app.command("end")
def silence_end(
    silence_id: Annotated[str, typer.Argument(metavar="ID")],
    by: Annotated[str, typer.Option("--by", help="your name")],
    reason: Annotated[str, typer.Option("--reason", help="why it ends early")],
) -> None:
    """End a silence before its time, or call it off before it begins."""
    from monitor.silences import end

    print(end(silence_id, by, reason))


@alerts_app.command("not-a-problem")
def alerts_not_a_problem(
    alert_id: Annotated[str, typer.Argument(metavar="ALERT")],
    because: Annotated[str, typer.Option(help="reason of the list, e.g. new_tenant; a wrong one shows the list")],
    by: Annotated[str, typer.Option("--by", help="your name")],
    note: Annotated[str, typer.Option(help="in your words; needed for the reason other")] = "",
    run: Annotated[Path | None, typer.Option("--run", help="a RUN folder instead of the live store")] = None,
) -> None:
    """Say that an alert is no problem, and why: it is withdrawn with its untouched task, and teaches a little."""
    from monitor.dismissals import say

    for line in say(alert_id, because, by, note, run):
        print(line)


@alerts_app.command("problem-after-all")
def alerts_problem_after_all(
    alert_id: Annotated[str, typer.Argument(metavar="ALERT")],
    by: Annotated[str, typer.Option("--by", help="your name")],
    reason: Annotated[str, typer.Option("--reason", help="why, for those who read the history")],
    run: Annotated[Path | None, typer.Option("--run", help="a RUN folder instead of the live store")] = None,
) -> None:
    """Take back that an alert is no problem: it stands again while its condition lasts, and what was learnt is unlearnt."""
    from monitor.dismissals import undo

    print(undo(alert_id, by, reason, run))


@alerts_app.command("dismissed")
def alerts_dismissed(
    run: Annotated[Path | None, typer.Option("--run", help="a RUN folder instead of the live store")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 50,
) -> None:
    """The newest alerts that people called no problem, why, and what each word changed."""
    from monitor.dismissals import dismissed

    for line in dismissed(run, limit):
        print(line)


@findings_app.command("list")
def findings_list(
    run: Annotated[Path | None, typer.Option("--run", help="a RUN folder instead of the live store")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 50,
) -> None:
    """The newest findings, what each changed of the ranking, and what visits made of each detector's word."""
    from monitor.findings import list_findings

    for line in list_findings(run, limit):
        print(line)


@findings_app.command("undo")
def findings_undo(
    finding_id: Annotated[str, typer.Argument(metavar="ID")],
    by: Annotated[str, typer.Option("--by", help="your name")],
    reason: Annotated[str, typer.Option("--reason", help="why, for those who read the history")],
    run: Annotated[Path | None, typer.Option("--run", help="a RUN folder instead of the live store")] = None,
) -> None:
    """Take a finding back: from the next day's close on the ranking is as if it had never come."""
    from monitor.findings import undo

    print(undo(finding_id, by, reason, run))


@notifications_app.command("list")
def notifications_list(
    state: Annotated[
        Literal["waiting", "delivered", "failed", "folded"] | None, typer.Option(help="only these; default: all")
    ] = None,
    channel: Annotated[str | None, typer.Option(help="only of this channel")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="how many")] = 50,
    run: Annotated[Path | None, typer.Option("--run", help="of a RUN folder instead of the live store")] = None,
) -> None:
    """The newest notifications, newest first; of one state oldest first, as they are sent."""
    from monitor.notifications import listed

    for line in listed(state, channel, limit, run):
        print(line)


@notifications_app.command("show")
def notifications_show(
    notification_id: Annotated[str, typer.Argument(metavar="ID")],
    language: Annotated[Literal["en", "zh"], typer.Option(help="in which it is shown")] = "en",
    run: Annotated[Path | None, typer.Option("--run", help="of a RUN folder instead of the live store")] = None,
) -> None:
    """One notification: how far it came, why it failed, and what it says."""
    from monitor.notifications import shown

    print(shown(notification_id, language, run))


@notifications_app.command("retry")
def notifications_retry(
    by: Annotated[str, typer.Option("--by", help="your name")],
    ids: Annotated[
        list[str] | None, typer.Argument(help="notifications that failed; default: all", metavar="[ID]...")
    ] = None,
    channel: Annotated[str | None, typer.Option(help="all that failed of this channel")] = None,
) -> None:
    """Let notifications that failed for good wait again: after their address, token or receiver was mended."""
    from monitor.notifications import retried

    print(retried(ids or [], channel, by))


@notifications_app.command("test")
def notifications_test(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL")],
) -> None:
    """Send one message to a channel of the notify plan, now. Exit code 1 if it was not taken."""
    from monitor.notifications import try_channel

    print(try_channel(channel))


@letters_app.command("list")
def letters_list(limit: Annotated[int, typer.Option(min=1)] = 50) -> None:
    """The newest dead letters, with reason and position."""
    from monitor.letters import list_letters

    for line in list_letters(limit):
        print(line)


@letters_app.command("retry")
def letters_retry(
    by: Annotated[str, typer.Option("--by", help="your name")],
    ids: Annotated[list[str] | None, typer.Argument(help="partition/offset as listed", metavar="[ID...]")] = None,
) -> None:
    """Put dead letters back onto the log (all, or those named), after their cause was mended."""
    from monitor.letters import retry_letters

    print(retry_letters(ids or [], by))


@letters_app.command("accept")
def letters_accept(
    by: Annotated[str, typer.Option("--by", help="your name")],
    partition: Annotated[
        list[int] | None, typer.Option("--partition", help="default: every partition that paused")
    ] = None,
) -> None:
    """Let partitions that paused for too many dead letters go on."""
    from monitor.letters import accept_letters

    print(accept_letters(by, partition))


@token_app.command("add")
def token_add(
    person: Annotated[str, typer.Option(help="the person or system that acts with it")],
    by: Annotated[str, typer.Option("--by", help="your name")],
    role: Annotated[str, typer.Option(help="reader, operator, monitor or admin")] = "operator",
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", help="instead of what the role may do; may be given more than once"),
    ] = None,
    days: Annotated[int | None, typer.Option(help="how long it is good; default: until it is revoked")] = None,
    run: Annotated[Path | None, typer.Option("--run", help="a RUN folder instead of the live store")] = None,
) -> None:
    """Make a token and show it this once: only its hash is stored."""
    from monitor.tokens import add

    for line in add(person, role, scope or [], days, by, run):
        print(line)


@token_app.command("list")
def token_list(
    run: Annotated[Path | None, typer.Option("--run", help="a RUN folder instead of the live store")] = None,
) -> None:
    """Every token: whose it is, what it may do, until when."""
    from monitor.tokens import every

    for line in every(run):
        print(line)


@token_app.command("revoke")
def token_revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID")],
    by: Annotated[str, typer.Option("--by", help="your name")],
    reason: Annotated[str, typer.Option("--reason", help="why")],
    run: Annotated[Path | None, typer.Option("--run", help="a RUN folder instead of the live store")] = None,
) -> None:
    """Take a token back: from now on it opens nothing."""
    from monitor.tokens import revoke

    print(revoke(token_id, by, reason, run))


@app.command()
def backup(path: Annotated[Path, typer.Argument(help="file to write", metavar="FILE")]) -> None:
    """Write the state store to one portable file, while workers go on."""
    from monitor.settings import load_settings
    from monitor.stores import existing_database
    from storage.backup import backup as write_backup

    found = write_backup(existing_database(load_settings()), path)
    print(f"{path}: {found.total_rows:,} rows of {len(found.rows)} tables, schema {found.revision}")


@app.command()
def restore(path: Annotated[Path, typer.Argument(help="file that `backup` wrote", metavar="FILE")]) -> None:
    """Fill an empty state store from a backup (SQLite or PostgreSQL, whichever it came from)."""
    from monitor.settings import load_settings
    from storage.backup import restore as read_backup

    found = read_backup(load_settings().database_url, path)
    print(f"{path}: {found.total_rows:,} rows of {len(found.rows)} tables, schema {found.revision}")


if __name__ == "__main__":
    main()
