"""The desk in a real browser: pages without an error, charts that are drawn, a finding recorded by hand."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
SCREENS = ROOT / "build" / "screens"
WIDTHS = {"desktop": (1440, 900), "phone": (390, 844)}
START_SECONDS = 60.0
CHART_INK = """
canvas => {
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let inked = 0;
  for (let i = 3; i < pixels.length; i += 4) if (pixels[i] > 0) inked += 1;
  return inked / (pixels.length / 4);
}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def desk() -> Iterator[str]:
    """The address of a desk over the example network, in a process of its own; it must end with 0 on SIGTERM."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "tests/browser/example_desk.py", str(port)], cwd=ROOT, env=os.environ | {"PYTHONPATH": "."}
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(f"{address}/health"):
            assert process.poll() is None, "the desk ended while it started"
            assert time.monotonic() < deadline, f"the desk did not answer within {START_SECONDS:.0f} s"
            time.sleep(0.2)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        ended = process.wait(30)
    assert ended == 0


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 - an address of our own
            return bool(answer.status == 200)
    except urllib.error.URLError:
        return False


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


class Watched:
    """A page with everything that went wrong on it, and every address it asked for beyond the desk."""

    def __init__(self, browser: Browser, desk: str, width: str, **cookies: str) -> None:
        w, h = WIDTHS[width]
        self.context = browser.new_context(viewport={"width": w, "height": h}, locale="en-US")
        self.context.add_cookies([{"name": k, "value": v, "url": desk} for k, v in cookies.items()])
        self.page: Page = self.context.new_page()
        self.desk = desk
        self.trouble: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("requestfailed", lambda request: self.trouble.append(f"failed: {request.url}"))
        inside = (desk, desk.replace("http", "ws"), "data:", "blob:")
        self.page.on(
            "request",
            lambda request: None if request.url.startswith(inside) else self.trouble.append(f"outside: {request.url}"),
        )

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.trouble.append(message.text)

    def open(self, path: str) -> Page:
        self.page.goto(self.desk + path)
        self.page.wait_for_selector("main h1, main h2")
        return self.page

    def keep(self, name: str) -> None:
        SCREENS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENS / f"{name}.png", full_page=True)

    def close(self) -> None:
        self.context.close()


def task_about(page: Page, what: str) -> str:
    href = page.locator("a.whole-row", has_text=what).first.get_attribute("href")
    assert href is not None
    return href


def charts_drawn(page: Page) -> int:
    """Waits until every chart on the page has ink; returns how many there are."""
    canvases = page.locator(".chart canvas")
    canvases.first.wait_for()
    for i in range(canvases.count()):
        page.wait_for_function(f"c => ({CHART_INK})(c) > 0.005", arg=canvases.nth(i).element_handle())
    return canvases.count()


@pytest.mark.parametrize("width", list(WIDTHS))
@pytest.mark.parametrize(("theme", "language"), [("dark", "en"), ("light", "zh")])
def test_every_page_opens_without_an_error_and_fits_its_screen(
    desk: str, chromium: Browser, width: str, theme: str, language: str
) -> None:
    watched = Watched(chromium, desk, width, desk_theme=theme, desk_language=language)
    what = {"en": "past the meter", "zh": "绕越计量"}[language]
    page = watched.open("/")
    expect(page.locator(".tile strong").first).to_have_text("2")
    expect(page.locator(".part-areas tbody tr")).to_have_count(14)
    watched.keep(f"overview-{width}-{theme}-{language}")
    page = watched.open("/alerts")
    expect(page.locator("tbody tr")).to_have_count(11)
    watched.keep(f"alerts-{width}-{theme}-{language}")
    alert = task_about(page, {"en": "voltage loss", "zh": "失压"}[language])
    page = watched.open("/tasks")
    watched.keep(f"tasks-{width}-{theme}-{language}")
    for name, path, charts in (("task", task_about(page, what), 3), ("alert", alert, 3)):
        page = watched.open(path)
        assert charts_drawn(page) == charts
        expect(page.locator("h1")).to_contain_text({"en": "Suspected", "zh": "疑似"}[language])
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider == 0, f"{name} scrolls sideways by {wider} px"
        watched.keep(f"{name}-{width}-{theme}-{language}")
    assert watched.trouble == []
    watched.close()


@pytest.mark.parametrize("width", list(WIDTHS))
@pytest.mark.parametrize(("theme", "language"), [("dark", "en"), ("light", "zh")])
def test_data_quality_and_findings_fit_their_screens(
    desk: str, chromium: Browser, width: str, theme: str, language: str
) -> None:
    watched = Watched(chromium, desk, width, desk_theme=theme, desk_language=language)
    page = watched.open("/quality")
    expect(page.locator(".part-rules tbody tr")).to_have_count(2)
    expect(page.locator(".part-candidates tbody tr")).to_have_count(2)
    expect(page.locator(".part-candidates tbody tr").first).to_contain_text("M110301")
    expect(page.locator(".part-meters tbody tr")).to_have_count(2)
    watched.keep(f"quality-{width}-{theme}-{language}")
    for path in ("/quality", "/findings"):
        page = watched.open(path)
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider == 0, f"{path} scrolls sideways by {wider} px"
    expect(page.locator(".finding-row")).to_have_count(2)
    watched.keep(f"findings-{width}-{theme}-{language}")
    assert watched.trouble == []
    watched.close()


def test_a_finding_is_taken_back_with_a_name_and_a_reason(desk: str, chromium: Browser) -> None:
    watched = Watched(chromium, desk, "desktop")
    page = watched.open("/findings")
    row = page.locator(".finding-row", has_text="M110305")
    row.get_by_role("button", name="Take back").click()
    dialog = page.locator(".take-back")
    expect(dialog.locator("h2")).to_have_text("Take back the finding at M110305")
    dialog.get_by_role("button", name="Take back").click()
    expect(page.get_by_text("Say who you are first")).to_be_visible()
    dialog.get_by_label("Your name").fill("Li Na")
    dialog.get_by_label("Reason (required)").fill("the sheet of another home")
    watched.keep("take-back")
    dialog.get_by_role("button", name="Take back").click()
    expect(row.locator(".effect")).to_have_text("Teaches nothing: taken back by Li Na: the sheet of another home")
    expect(row.get_by_role("button")).to_have_count(0)
    page.reload()
    expect(page.locator(".finding-row", has_text="M110305").get_by_role("button")).to_have_count(0)
    assert watched.trouble == []
    watched.close()


def test_an_alert_is_no_problem_because_and_after_all_it_may_be(desk: str, chromium: Browser) -> None:
    watched = Watched(chromium, desk, "phone")
    page = watched.open("/alerts?abnormality=zero_use")
    page.locator("a[href^='/alerts/a-']").first.click()
    panel = page.locator(".not-a-problem")
    panel.get_by_role("button", name="It is not a problem").click()
    expect(page.get_by_text("Choose a reason from the list")).to_be_visible()
    panel.locator(".q-select").click()
    page.get_by_role("option", name="the home or shop is known to be empty").click()
    panel.get_by_label("Your name").fill("Li Na")
    watched.keep("not-a-problem-phone")
    panel.get_by_role("button", name="It is not a problem").click()
    expect(panel.locator(".finding")).to_have_text("Not a problem: the home or shop is known to be empty")
    watched.keep("not-a-problem-said-phone")
    panel.get_by_text("It may be a problem after all").click()
    panel.get_by_label("Reason (required)").fill("they came back")
    panel.get_by_role("button", name="Take it back").click()
    expect(panel.locator(".effect")).to_have_text("Taken back by Li Na: they came back")
    expect(panel.get_by_role("button", name="It is not a problem")).to_be_visible()
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider == 0
    assert watched.trouble == []
    watched.close()


def test_an_inspector_takes_a_task_from_open_to_closed_on_a_phone(desk: str, chromium: Browser) -> None:
    watched = Watched(chromium, desk, "phone")
    path = task_about(watched.open("/tasks"), "register stopped")
    page = watched.open(path)
    page.get_by_role("button", name="Assign", exact=True).click()
    expect(page.get_by_text("Name the inspector")).to_be_visible()
    page.get_by_label("Your name").fill("Li Na")
    page.get_by_label("Inspector", exact=True).fill("Wang Fang")
    page.get_by_role("button", name="Assign", exact=True).click()
    page.get_by_role("button", name="I am on site").click()
    page.get_by_role("button", name="Confirmed", exact=True).click()
    page.get_by_role("button", name="Record finding").click()
    expect(page.get_by_text("Say what was seen")).to_be_visible()
    page.get_by_label("What did you see?").fill("The register stands still under 2 kW; seals are whole.")
    watched.keep("finding-phone")
    page.get_by_role("button", name="Record finding").click()
    expect(page.locator("h1")).to_have_text("Confirmed: register stopped")
    page.get_by_role("button", name="Close the task").click()
    expect(page.get_by_text("This task has ended")).to_be_visible()
    history = page.locator(".history li strong")
    expect(history).to_have_text(["closed", "finding recorded", "on site", "assigned", "opened"])
    expect(page.locator(".history li").nth(1)).to_contain_text("Li Na")
    watched.keep("closed-phone")
    page.reload()
    expect(page.locator(".finding")).to_have_text("Confirmed on site: register stopped")
    cookies = {c.get("name"): c.get("value") for c in watched.context.cookies()}
    assert cookies["desk_name"] == "Li%20Na"
    assert watched.trouble == []
    watched.close()


def test_who_comes_second_is_told_and_sees_how_the_task_stands(desk: str, chromium: Browser) -> None:
    first, second = Watched(chromium, desk, "desktop"), Watched(chromium, desk, "desktop")
    path = task_about(first.open("/tasks"), "current reversed")
    pages = first.open(path), second.open(path)
    for page, name in zip(pages, ("Li Na", "Zhao Min"), strict=True):
        page.get_by_label("Your name").fill(name)
        page.get_by_label("Inspector", exact=True).fill(name)
    pages[0].get_by_role("button", name="Assign", exact=True).click()
    expect(pages[0].get_by_role("button", name="I am on site")).to_be_visible()
    pages[1].get_by_role("button", name="Assign", exact=True).click()
    expect(pages[1].get_by_text("Somebody else moved this task first")).to_be_visible()
    expect(pages[1].locator(".place")).to_contain_text("Li Na")
    first.close()
    second.close()


def test_windows_of_the_curve_change_what_is_drawn(desk: str, chromium: Browser) -> None:
    watched = Watched(chromium, desk, "desktop")
    page = watched.open(task_about(watched.open("/tasks"), "past the meter"))
    charts_drawn(page)
    page.get_by_role("button", name="By day").click()
    expect(page.locator(".chart canvas")).to_have_count(2)
    charts_drawn(page)
    watched.keep("task-by-day")
    assert watched.trouble == []
    watched.close()


def test_lists_are_filtered_and_sorted_by_their_address(desk: str, chromium: Browser) -> None:
    watched = Watched(chromium, desk, "desktop")
    page = watched.open("/alerts")
    page.get_by_label("Family").select_option("theft")
    page.wait_for_url(re.compile("family=theft"))
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_role("columnheader", name="Energy").get_by_role("link").click()
    page.wait_for_url(re.compile("sort=energy"))
    expect(page.locator("tbody tr").first).to_contain_text("cover")
    assert watched.trouble == []
    watched.close()


def test_language_stays_with_the_browser(desk: str, chromium: Browser) -> None:
    watched = Watched(chromium, desk, "desktop")
    page = watched.open("/tasks?grade=high&state=")
    page.get_by_role("link", name="中文").click()
    expect(page.locator("h1")).to_contain_text("稽查任务")
    assert "grade=high" in page.url
    expect(watched.open("/").locator(".part-newest h2")).to_have_text("最新告警")
    watched.close()


def test_an_unknown_number_says_so(desk: str, chromium: Browser) -> None:
    watched = Watched(chromium, desk, "desktop")
    answer = watched.page.goto(f"{desk}/tasks/t-nothing")
    assert answer is not None
    assert answer.status == 404
    expect(watched.page.locator("h1")).to_have_text("Nothing here has this number")
    watched.close()


def test_an_alert_is_acknowledged_commented_given_and_silenced_by_hand(desk: str, chromium: Browser) -> None:
    watched = Watched(chromium, desk, "desktop")
    path = task_about(watched.open("/alerts"), "register stopped")
    page = watched.open(path)
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("Say who you are first")).to_be_visible()
    page.locator(".part-moves").get_by_label("Your name").fill("Li Na")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator(".part-standing")).to_contain_text("Li Na")
    expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
    page.get_by_label("In words").first.fill("The customer says that the flat is let.")
    page.get_by_role("button", name="Leave a comment").click()
    expect(page.locator(".part-history li").first).to_contain_text("the flat is let")
    page.get_by_text("Owner and shift").click()
    page.get_by_label("To whom").fill("Wang Fang")
    page.get_by_role("button", name="Give it to them").click()
    expect(page.locator(".part-history li").first).to_contain_text("given to: Wang Fang")
    page.get_by_text("Silence it for a while").click()
    page.locator(".part-moves").get_by_label("Reason (required)").fill("the meter is exchanged on Friday")
    page.get_by_role("button", name="Silence this kind here").click()
    expect(page.get_by_text("Saved").last).to_be_visible()
    watched.keep("alert-handled")
    listed = watched.open("/alerts?state=acknowledged")
    expect(listed.locator("tbody tr")).to_have_count(1)
    expect(listed.locator("tbody tr")).to_contain_text("Wang Fang")
    assert watched.trouble == []
    watched.close()


def test_who_acts_second_on_an_alert_is_told_and_sees_how_it_stands(desk: str, chromium: Browser) -> None:
    first, second = Watched(chromium, desk, "desktop"), Watched(chromium, desk, "desktop")
    path = task_about(first.open("/alerts"), "current reversed")
    pages = first.open(path), second.open(path)
    for page, name in zip(pages, ("Li Na", "Zhao Min"), strict=True):
        page.locator(".part-moves").get_by_label("Your name").fill(name)
    pages[0].get_by_role("button", name="Acknowledge").click()
    expect(pages[0].locator(".part-standing")).to_contain_text("Li Na")
    pages[1].get_by_role("button", name="Acknowledge").click()
    expect(pages[1].get_by_text("Somebody else acted on this alert first")).to_be_visible()
    expect(pages[1].locator(".part-standing")).to_contain_text("Li Na")
    first.close()
    second.close()


@pytest.mark.parametrize("width", list(WIDTHS))
@pytest.mark.parametrize(("theme", "language"), [("dark", "en"), ("light", "zh")])
def test_the_alert_page_and_its_acts_fit_every_screen(
    desk: str, chromium: Browser, width: str, theme: str, language: str
) -> None:
    watched = Watched(chromium, desk, width, desk_theme=theme, desk_language=language)
    page = watched.open(task_about(watched.open("/alerts"), {"en": "past the meter", "zh": "绕越计量"}[language]))
    for fold in page.locator(".more-moves").all():
        fold.click()
    expect(page.locator(".part-history li")).not_to_have_count(0)
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider == 0, f"the page scrolls sideways by {wider} px"
    watched.keep(f"alert-acts-{width}-{theme}-{language}")
    assert watched.trouble == []
    watched.close()


def test_the_documentation_of_the_api_needs_nothing_from_elsewhere(desk: str, chromium: Browser) -> None:
    watched = Watched(chromium, desk, "desktop")
    page = watched.open("/api/v1/docs")
    expect(page.locator("h1")).to_contain_text("Meterwatch API")
    watched.keep("api-docs")
    assert watched.trouble == []
    watched.close()
