"""The page of all rigs in a real browser."""

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from telemetry.recording.game_state import State
from tests.conftest import wait_until
from tests.pages import MONITOR, PHONE, in_chromium, open_browser
from tests.stream.collect.lab import DRIVE, Lab, lab_of
from tests.stream.rig import Rig, free_port, rig_of

pytestmark = in_chromium

browser = pytest.fixture(scope="module")(open_browser)

SIZES: Final = {"monitor": MONITOR, "phone": PHONE}
CONTRASTS: Final = """() => {
    const parse = (text) => text.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map((part) => part / 255)
      .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
      .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
    const behind = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const colour = parse(getComputedStyle(at).backgroundColor);
        if (colour.length === 3 || colour[3] === 1) return colour;
      }
    };
    return [...document.querySelectorAll("tbody *, header *, main > p")]
      .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.nodeValue.trim()))
      .filter((element) => element.getClientRects().length)
      .map((element) => {
        const colours = [parse(getComputedStyle(element).color), behind(element)];
        const [dark, bright] = colours.map(light).sort((a, b) => a - b);
        return [element.textContent.trim(), (bright + 0.05) / (dark + 0.05)];
      }).filter(([, ratio]) => ratio < 4.5);
}"""


class Page:
    """The page of a lab, and all that it complained of."""

    def __init__(self, browser: Any, lab: Lab, path: str = "/", **options: Any) -> None:
        self.context = browser.new_context(**{"viewport": MONITOR, "color_scheme": "dark", **options})
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda line: self.complaints.append(line.text) if line.type != "log" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(f"{lab.url.replace('ws', 'http')}{path}")

    def part(self, rig: str, part: str) -> str:
        found: str = self.page.evaluate(
            """([rig, part]) =>
            document.querySelector(`[data-rig="${rig}"] [data-part="${part}"]`)?.textContent ?? "" """,
            [rig, part],
        )
        return found

    def wait_for(self, rig: str, part: str, text: str) -> None:
        wait_until(lambda: self.page.wait_for_timeout(20) or self.part(rig, part) == text, lambda: self.part(rig, part))


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Page]]:
    pages: list[Page] = []

    def start(lab: Lab, *arguments: str, **options: Any) -> Page:
        pages.append(Page(browser, lab, *arguments, **options))
        return pages[-1]

    yield start
    for page in pages:
        page.context.close()


def test_a_row_says_who_drives_what(rig: Rig, visit: Callable[..., Page]) -> None:
    rig.on_reading(**DRIVE)
    rig.tell(State.PAUSED)  # else it is stalled two seconds later
    with lab_of(f"left={rig.url}") as lab:
        page = visit(lab)
        page.wait_for("left", "driver", "Ada")
        texts = {part: page.part("left", part) for part in ("state", "car", "track", "session", "lap", "last", "best")}
        assert texts == {
            "state": "Paused",
            "car": "Mazda MX5 Cup",
            "track": "Spa",
            "session": "Race",
            "lap": "4 of 10",
            "last": "2:30.000",
            "best": "2:29.000",
        }
        assert page.part("left", "place") == "place 2 of 12"
        assert page.page.inner_text("#state") == "1 of 1 connected"
        assert page.complaints == []


def test_a_rig_that_goes_and_comes_back_is_seen_and_announced(rig: Rig, visit: Callable[..., Page]) -> None:
    port = free_port()
    rig.tell(State.MENU, "The menu is open.")
    with lab_of(f"left=ws://127.0.0.1:{port}", f"right={rig.url}") as lab:
        with rig_of(port=port) as left:
            left.on_reading(**DRIVE)
            left.tell(State.PAUSED)
            page = visit(lab)
            page.wait_for("left", "state", "Paused")
        page.wait_for("left", "state", "Offline")
        assert page.part("left", "driver") == "Ada"
        assert page.part("left", "message").startswith(f"No stream at ws://127.0.0.1:{port}: ")
        assert page.page.inner_text("#announcement").startswith("left: Offline. No stream at ")
        assert (page.part("right", "state"), page.part("right", "message")) == ("Menu", "The menu is open.")
        assert page.page.inner_text("#state") == "1 of 2 connected"
        with rig_of(port=port) as left:
            left.on_reading(**(DRIVE | {"player_nick": "Bea"}))
            left.tell(State.PAUSED)
            page.wait_for("left", "driver", "Bea")
            page.wait_for("left", "state", "Paused")
        assert page.complaints == []


def test_names_that_a_rig_chooses_stay_text(rig: Rig, visit: Callable[..., Page]) -> None:
    name = "<img src=x onerror=alert(1)>"
    rig.on_reading(**(DRIVE | {"player_nick": name, "car_model": name, "track": name}))
    rig.tell(State.PAUSED, name)
    with lab_of(f"left={rig.url}") as lab:
        page = visit(lab)
        page.wait_for("left", "driver", name)
        page.wait_for("left", "message", name)
        assert page.page.evaluate("document.images.length") == 0
        assert page.complaints == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_page_fits_and_can_be_read(size: str, theme: str, rig: Rig, visit: Callable[..., Page]) -> None:
    values = {"player_nick": "W" * 30, "track": "x" * 32, "car_model": "y" * 32, "track_configuration": "z" * 32}
    rig.on_reading(**(DRIVE | values))
    with lab_of(f"{'n' * 40}={rig.url}", f"away=ws://127.0.0.1:{free_port()}") as lab:
        page = visit(lab, viewport=SIZES[size], color_scheme=theme)
        page.wait_for("n" * 40, "driver", "W" * 30)
        page.wait_for("away", "state", "Offline")
        assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.page.evaluate(CONTRASTS) == []
        roles = page.page.evaluate("[...document.querySelectorAll('tbody > tr > *')].map((cell) => cell.role)")
        assert roles == ["rowheader", *["cell"] * 9] * 2
        assert page.complaints == []


def test_a_rigs_page_is_one_click_away_and_takes_the_token_along(rig: Rig, visit: Callable[..., Page]) -> None:
    rig.on_reading(**DRIVE)
    rig.tell(State.PAUSED)
    with lab_of(f"left={rig.url}", token="a&b") as lab:
        page = visit(lab, "/?token=a%26b")
        page.wait_for("left", "driver", "Ada")
        page.page.click("[data-rig=left] a")
        wait_until(lambda: page.page.wait_for_timeout(20) or page.page.inner_text("#car-name") == "Mazda MX5 Cup")
        assert page.page.url.endswith("/rigs/left/?token=a%26b")
        assert page.page.inner_text("#state") == "Paused"
        assert page.complaints == []


def test_a_server_that_is_gone_is_said(rig: Rig, visit: Callable[..., Page]) -> None:
    with lab_of(f"left={rig.url}") as lab:
        page = visit(lab)
        page.wait_for("left", "state", "Waiting")
    wait_until(lambda: page.page.wait_for_timeout(20) or page.page.inner_text("#state") == "No connection")
    assert json.loads(page.page.evaluate("JSON.stringify(document.body.dataset.stream)")) == "lost"
    assert page.page.is_visible("#retry")
