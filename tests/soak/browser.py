"""The page in a browser: no error whatever is clicked, and alive again after the server was away."""

import importlib.util
import shutil
import time
from random import Random
from typing import TYPE_CHECKING, Final

from tests.soak.outcome import Kind, Outcome, TrialFailed
from tests.soak.served import Served
from tests.soak.workshop import Workshop

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Page

ACTIONS: Final = 30
MAX_BACK_S: Final = 30.0
"""Seconds after which a page must show the stream again, once the server is back."""
SIZES: Final = ((1280, 720), (820, 1180), (390, 844), (320, 480), (2560, 1440))
KEYS: Final = ("Tab", "Enter", "Space", "Escape", "ArrowDown", "f", "m", "t", "End", "Home")


def missing() -> str:
    """Why the page cannot be tried here; empty where it can."""
    found = importlib.util.find_spec("playwright") is not None and shutil.which("chromium")
    return "" if found else "not tried: no browser"


def _use(shop: Workshop, random: Random) -> Outcome:
    from playwright.sync_api import Error, sync_playwright

    errors: list[str] = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("console", lambda message: _collect(message, errors))
            with Served() as served:
                page.goto(f"http://127.0.0.1:{served.port}/")
                _wait_until_live(page)
                for _ in range(ACTIONS):
                    _act(page, random)
                port = served.port
            page.wait_for_timeout(1000.0 * random.uniform(0.0, 2.0))
            with Served("--rate", "60", port=port):
                began = time.monotonic()
                _wait_until_live(page)
                seconds = time.monotonic() - began
        except Error as error:
            raise TrialFailed(f"the page: {error}") from error
        finally:
            browser.close()
    if errors:
        raise TrialFailed(f"the page reports: {errors[:5]}")
    return Outcome(seconds, ACTIONS)


def _collect(message: "ConsoleMessage", errors: list[str]) -> None:
    # A server that is away is no error of the page.
    if message.type == "error" and "ERR_CONNECTION" not in message.text and "WebSocket" not in message.text:
        errors.append(message.text)


def _wait_until_live(page: "Page") -> None:
    """Wait until samples come: the state is live, and the lap time on the page goes on."""
    deadline = time.monotonic() + MAX_BACK_S
    before = None
    while time.monotonic() < deadline:
        state, lap_time = (page.locator(name).text_content() or "" for name in ("#state", "#lap-time"))
        if "live" in state.lower():
            if before is not None and lap_time != before:
                return
            before = lap_time
        page.wait_for_timeout(100.0)
    raise TrialFailed(f"the page is not live after {MAX_BACK_S:g} s: it says {state!r}, lap time {lap_time!r}")


def _act(page: "Page", random: Random) -> None:
    """Something that a user might do."""
    match random.randrange(5):
        case 0:
            width, height = random.choice(SIZES)
            page.set_viewport_size({"width": width, "height": height})
        case 1:
            page.keyboard.press(random.choice(KEYS))
        case 2:
            buttons = page.locator("button:visible")
            if count := buttons.count():
                buttons.nth(random.randrange(count)).click(force=True, no_wait_after=True)
        case 3:
            page.mouse.click(random.randrange(300), random.randrange(450))
        case _:
            page.emulate_media(color_scheme=random.choice(("light", "dark")))
    page.wait_for_timeout(random.choice((0.0, 20.0, 200.0)))


def kinds() -> list[Kind]:
    """One row."""
    worst = "{} s until it shows the stream again after a restart of the server"
    return [Kind(name="page-use", what="the page in a browser, used at random", trial=_use, worst=worst, digits=1)]
