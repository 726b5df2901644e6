"""The dashboard in a real browser: Debian's Chromium, driven by Playwright, against a real server."""

import json
import math
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pytest

from telemetry.fields.thresholds import Thresholds
from telemetry.fields.wire import LineEncoder
from telemetry.stream.protocol import StreamDescription, Subscription, hello_message
from tests.conftest import REPOSITORY, sample_of, wait_until
from tests.pages import MONITOR, PHONE, in_chromium, open_browser

pytestmark = in_chromium

PAGE: Final = REPOSITORY / "telemetry" / "stream" / "dashboard"
HOST: Final = "127.0.0.1"
DASH: Final = "\N{EN DASH}"
HELLO: Final = hello_message(Subscription(), StreamDescription("a1", "stage", 20.0), None)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port


def is_up(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/healthz", timeout=2.0) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@contextmanager
def serving(port: int, *options: str) -> Iterator[None]:
    command = [sys.executable, "main.py", "serve", "--rate", "60", "--port", str(port), *options]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, cwd=REPOSITORY, stdout=said, stderr=said) as process,
    ):
        try:
            wait_until(lambda: process.poll() is not None or is_up(port))
            if process.poll() is not None:
                said.seek(0)
                pytest.fail(f"the server ended: {said.read().decode(errors='replace')}")
            yield
        finally:
            process.terminate()
            try:
                process.wait(10.0)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


@pytest.fixture(scope="module")
def demo() -> Iterator[str]:
    port = free_port()
    with serving(port, "--source", "demo"):
        yield f"http://{HOST}:{port}/"


browser = pytest.fixture(scope="module")(open_browser)


class Visit:
    """A page in a browser context of its own, and all that it complained of and asked for."""

    def __init__(self, browser: Any, **options: Any) -> None:
        self.context = browser.new_context(**{"viewport": MONITOR, "color_scheme": "dark", **options})
        self.context.set_default_timeout(20_000)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda line: self.complaints.append(line.text) if line.type != "log" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("websocket", lambda socket: self.asked.append(socket.url))

    def until(self, condition: str) -> None:
        """Wait in Python: Playwright's own waiting evaluates text in the page, which the page's policy forbids."""
        end = time.monotonic() + 20.0
        while not self.page.evaluate(condition):
            assert time.monotonic() < end, condition
            self.page.wait_for_timeout(30)

    def text(self, identity: str) -> str:
        text: str = self.page.inner_text(f"#{identity}")
        return text

    def fits(self) -> bool:
        """Whether nothing needs scrolling sideways, nor is cut off at the right."""
        return bool(
            self.page.evaluate("""
                () => document.documentElement.scrollWidth <= innerWidth
                  && [...document.querySelectorAll(".panel, .panel *")].every((element) =>
                    element.getBoundingClientRect().right <= innerWidth)
            """)
        )


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visit]]:
    visits: list[Visit] = []

    def start(**options: Any) -> Visit:
        visits.append(Visit(browser, **options))
        return visits[-1]

    yield start
    for one in visits:
        one.context.close()


def a_sample(**values: Any) -> dict[str, Any]:
    """A sample as the server sends it, of a car that stands in the middle of a lap, with other values."""
    sample = sample_of(normalized_position=0.5, current_time=40_000, max_rpm=8000, current_max_rpm=8000)
    fields: dict[str, Any] = json.loads(LineEncoder().encode(sample))
    return fields | {"elapsed": 1.0, "sequence": 0} | values


def staged(visit: Visit, url: str, *messages: dict[str, Any], hello: dict[str, Any] | None = None) -> Any:
    """The page with a stream that sends a hello and just this; what it gives sends more."""
    streams: list[Any] = []

    def connected(stream: Any) -> None:
        streams.append(stream)
        for message in ({**HELLO, **(hello or {})}, *messages):
            stream.send(json.dumps(message))

    visit.page.route_web_socket("**/*", connected)
    visit.page.goto(url)
    return lambda message: streams[-1].send(json.dumps(message))


def test_the_car_drives_the_map_grows_and_nothing_else_does(demo: str, visit: Callable[..., Visit]) -> None:
    page = visit()
    page.page.goto(demo)
    page.until("document.body.dataset.view === 'live' && document.querySelector('#rate').textContent !== '\\u2013'")
    assert page.text("state") == "Live"
    assert (page.text("car-name"), page.text("track-name"), page.text("session")) == (
        "Demo GT3",
        "Demo Ring",
        "Practice",
    )

    look = """() => ({
        map: document.querySelector("#track-map").toDataURL(),
        metres: document.querySelector("#map-progress").textContent,
        elements: document.querySelectorAll("*").length,
        plots: document.querySelectorAll(".uplot").length,
        time: document.querySelector("#lap-time").innerText,
        spoken: document.querySelector("[aria-live]").textContent,
    })"""
    page.until("parseFloat(document.querySelector('#speed').textContent) > 20")
    before = page.page.evaluate(look)
    page.page.wait_for_timeout(2000)
    after = page.page.evaluate(look)
    assert after["time"] != before["time"]
    assert after["map"] != before["map"]
    assert after["metres"] != before["metres"]
    assert after["elements"] == before["elements"]
    assert after["plots"] == before["plots"] == 2
    assert after["spoken"] == before["spoken"] == "State: live."
    assert float(page.text("rate")) > 10.0  # of 60, on a machine that may be busy

    assert page.complaints == []
    port = demo.rsplit(":", 1)[1]
    assert {url.split("://")[1].split("/")[0] for url in page.asked} == {f"{HOST}:{port.rstrip('/')}"}


@pytest.mark.parametrize("font", ["Liberation", "DejaVu"])  # as wide as Arial; the widest that is common
def test_everything_fits_on_a_monitor_and_is_one_column_on_a_phone(
    font: str, demo: str, visit: Callable[..., Visit]
) -> None:
    if not (lister := shutil.which("fc-list")) or f"{font} Sans" not in subprocess.check_output([lister], text=True):
        pytest.skip(f"needs the font: apt-get install fontconfig fonts-liberation fonts-dejavu-core ({font})")
    page = visit()
    widest = {"speed_kmh": 288.0, "rpm": 7888, "tyre_core_temp": [108.0] * 4, "wheel_pressure": [28.8] * 4}
    staged(page, demo, {"type": "state", "state": "live", "message": ""}, a_sample(**widest))
    page.page.evaluate(f"document.body.style.fontFamily = '{font} Sans'")
    page.until("document.querySelector('#speed').textContent === '288'")
    # Nothing is hidden within a panel either: each holds what it has.
    cut = """() => [...document.querySelectorAll(".panel, .tyre")].filter((panel) =>
        panel.scrollHeight > panel.clientHeight + 1 || panel.scrollWidth > panel.clientWidth + 1)
        .map((panel) => panel.className)"""
    # Nor does anything lie upon its neighbour.
    over = """() => {
        const seen = [...document.querySelectorAll(".panel b, .panel :is(.unit, dt, dd, .label, .bar)")]
            .filter((element) => !element.closest(".damage, .forces"))
            .map((element) => {
                const text = document.createRange();
                text.selectNodeContents(element);
                const bar = element.classList.contains("bar");
                const box = (bar ? element : text).getBoundingClientRect();
                return {element, box, of: element.textContent || element.className};
            }).filter(({box}) => box.width > 0);
        return seen.flatMap((one, index) => seen.slice(index + 1).filter((other) =>
            !one.element.contains(other.element) && !other.element.contains(one.element)
            && Math.min(one.box.right, other.box.right) - Math.max(one.box.left, other.box.left) > 1
            && Math.min(one.box.bottom, other.box.bottom) - Math.max(one.box.top, other.box.top) > 4)
            .map((other) => [one.of, other.of]));
    }"""
    for monitor in (MONITOR, {"width": 1920, "height": 1080}):
        page.page.set_viewport_size(monitor)
        page.page.wait_for_timeout(300)
        assert page.fits()
        assert page.page.evaluate("document.documentElement.scrollHeight <= innerHeight")
        assert page.page.evaluate(cut) == []
        assert page.page.evaluate(over) == []
    page.page.set_viewport_size(PHONE)
    page.page.wait_for_timeout(300)
    assert page.fits()
    assert page.page.evaluate(cut) == []
    assert page.page.evaluate(over) == []
    tops = page.page.evaluate("""() => Object.fromEntries([...document.querySelectorAll(".panel")].map((panel) =>
        [panel.classList[1], panel.getBoundingClientRect().top]))""")
    assert sorted(tops, key=lambda name: tops[name])[:6] == ["drive", "lap", "flag-panel", "traces", "wheels", "map"]
    assert page.complaints == []


def test_the_theme_follows_the_system_and_a_key_press_is_remembered(demo: str, visit: Callable[..., Visit]) -> None:
    page = visit(color_scheme="light")
    page.page.goto(demo)
    theme = "document.documentElement.dataset.theme"
    assert page.page.evaluate(theme) == "light"
    reached: list[str] = []
    while "theme" not in reached and len(reached) < 5:
        page.page.keyboard.press("Tab")
        reached.append(page.page.evaluate("document.activeElement.id"))
    assert reached[-1] == "theme"
    assert page.page.get_by_role("button", name="Switch between light and dark").count() == 1
    page.page.keyboard.press("Enter")
    assert page.page.evaluate(theme) == "dark"
    page.page.reload()
    assert page.page.evaluate(theme) == "dark"


def test_the_key_m_sets_a_marker_and_its_number_is_shown(demo: str, visit: Callable[..., Visit]) -> None:
    page = visit()
    page.page.goto(demo)
    page.until("document.body.dataset.view === 'live'")
    for number in (1, 2):
        page.page.keyboard.press("m")
        page.until(f"document.getElementById('state-message').textContent === 'marker {number}'")


def test_the_map_is_there_at_once_and_the_ghost_drives_on_its_own_line(demo: str, visit: Callable[..., Visit]) -> None:
    page = visit()
    count = 200
    angles = [math.tau * at / count for at in range(count)]
    line = {
        "position": [at / count for at in range(count)],
        "x": [round(500.0 * math.cos(angle), 1) for angle in angles],
        "z": [round(500.0 * math.sin(angle), 1) for angle in angles],
    }
    place = {"track": "demo_ring", "layout": ""}
    corner = {"number": 1, "name": "", "label": "T1", "direction": "left", "begin": 0.7, "apex": 0.75, "end": 0.8}
    track = {"type": "track", **place, **line, "closed": True, "line_position": 0.0, "length_m": 3142.0,
             "left": None, "right": None, "picture": None, "corners": [corner]}  # fmt: skip
    inner = {"x": [0.5 * x for x in line["x"]], "z": [0.5 * z for z in line["z"]], "position": line["position"]}
    reference = {"type": "reference", **place, **inner, "name": "lap 2 of friend.ld", "car": "x", "time_ms": 90_000}
    values = {"world_position_x": 500.0, "world_position_z": 0.0, "normalized_position": 0.0, "delta_s": -0.25}
    values |= {"reference_ms": 90_000, "reference_position": 0.25, "heading": 0.0}
    send = staged(page, demo, track, reference, a_sample(**values))
    page.until("document.querySelector('#delta-reference').textContent === 'to 1:30.000, lap 2 of friend.ld'")
    page.until("document.querySelector('#map-ghost').textContent === 'Reference'")  # the map is drawn by itself
    send({"type": "segment", "lap": 1, "label": "T1 Bend", "corner": 1, "lost_s": -0.123, "total_s": -0.2})
    page.until("document.querySelector('#segment-gain').textContent !== ''")
    assert page.text("segment-gain") == "T1 \N{MINUS SIGN}0.12"
    assert page.page.evaluate("document.querySelector('#segment-gain').dataset.trend") == "ahead"
    painted = """() => {
        const canvas = document.querySelector("#track-map");
        const copy = new OffscreenCanvas(canvas.width, canvas.height);
        const context = copy.getContext("2d", { willReadFrequently: true });  // else Chromium complains
        context.drawImage(canvas, 0, 0);
        const {data, width, height} = context.getImageData(0, 0, canvas.width, canvas.height);
        const at = (x, y) => data[4 * (Math.round(y) * width + Math.round(x)) + 3];
        const size = Math.min(width, height), middle = [width / 2, height / 2];
        const found = (radius, turn) => {
            for (let near = -6; near <= 6; near += 1) {
                const reach = (radius + near / size) * (size / 2 - 27 * devicePixelRatio);
                if (at(middle[0] + reach * Math.cos(turn), middle[1] + reach * Math.sin(turn))) return true;
            }
            return false;
        };
        return [found(1, 0.3), found(1, 3), found(0.5, Math.PI / 2), found(0.5, 3)];
    }"""
    page.until(f"JSON.stringify(({painted})()) === '[true,true,true,false]'")
    assert page.complaints == []


def test_names_are_shown_as_text(demo: str, visit: Callable[..., Visit]) -> None:
    page = visit()
    name = "<img src=x onerror=document.body.remove()>"
    send = staged(page, demo, a_sample(car_model=name, track=name, track_configuration=name, tyre_compound=name))
    send({"type": "marker", "name": name, "timestamp": 0.0, "sequence": None})
    page.until("document.querySelector('#car-name').textContent === '<img Src=x Onerror=document.body.remove()>'")
    page.until(f"document.getElementById('state-message').textContent === {json.dumps(f'marker 1: {name}')}")
    assert page.text("track-name").startswith("<img Src=x")
    assert page.page.locator("img").count() == 0
    assert page.complaints == []


def test_a_marker_that_the_server_refuses_is_told(demo: str, visit: Callable[..., Visit]) -> None:
    page = visit()
    send = staged(page, demo, a_sample())
    send({"type": "error", "message": "Other computers may set markers only where there is a token."})
    page.until("document.getElementById('state-message').textContent.startsWith('Other computers may set markers')")


def test_the_page_waits_says_for_what_and_comes_back_by_itself(tmp_path: Path, visit: Callable[..., Visit]) -> None:
    port = free_port()
    page = visit()
    with serving(port, "--source", str(tmp_path)):
        page.page.goto(f"http://{HOST}:{port}/")
        page.until(f"document.querySelector('#card-text').textContent.includes('{tmp_path}')")
        assert page.text("card-title") == "Waiting for Assetto Corsa"
        page.until("document.querySelector('[aria-live]').textContent.startsWith('Waiting for Assetto Corsa. ')")
        assert page.complaints == []
    page.until("document.querySelector('#card-title').textContent === 'No connection'")
    page.until("document.querySelector('#card-retry').textContent.startsWith('Next try in ')")
    page.until("!document.querySelector('#retry').hidden")  # it hides for the moment of each try
    with serving(port, "--source", "demo"):
        page.until("document.body.dataset.view === 'live'")
        assert not page.page.is_visible("#retry")
    page.until("document.querySelector('#state').textContent === 'Offline'")
    assert page.page.evaluate("document.body.dataset.view") == "dimmed"  # the last values stay in sight
    assert all("WebSocket" in line or "ERR_CONNECTION" in line for line in page.complaints)


def test_a_reason_that_comes_after_its_state_is_told_too(demo: str, visit: Callable[..., Visit]) -> None:
    page = visit()
    send = staged(page, demo, {"type": "state", "state": "waiting", "message": ""})
    spoken = "document.querySelector('[aria-live]').textContent"
    page.until(f"{spoken} === 'Waiting for Assetto Corsa.'")
    send({"type": "state", "state": "waiting", "message": "No game runs."})
    page.until(f"{spoken} === 'Waiting for Assetto Corsa. No game runs.'")
    send({"type": "state", "state": "waiting", "message": "No game ran for 2 s."})  # which is shown, and not said again
    page.until("document.querySelector('#card-text').textContent === 'No game ran for 2 s.'")
    assert page.page.evaluate(spoken) == "Waiting for Assetto Corsa. No game runs."


def test_what_is_absent_is_a_dash(demo: str, visit: Callable[..., Visit]) -> None:
    page = visit()
    none = [None] * 4
    values = {
        "slip_ratio": none,
        "tyre_worn": none,
        "wheel_lock_detected": None,
        "fuel": None,
        "gas": None,
        "speed_kmh": None,
    }
    staged(page, demo, {"type": "state", "state": "live", "message": ""}, a_sample(**values))
    page.until("document.querySelector('[data-wheel=FL] [data-part=pressure]').textContent === '0.0'")
    parts = {part: page.page.inner_text(f"[data-wheel=FL] [data-part={part}]") for part in ("ratio", "worn")}
    assert parts == {"ratio": DASH, "worn": DASH}
    assert (page.text("speed"), page.text("gas-text")) == (DASH, f"{DASH} %")
    assert page.text("fuel") == f"{DASH} l"
    assert "NaN" not in page.page.inner_text("main")
    assert "null" not in page.page.inner_text("main")
    assert page.complaints == []


@pytest.mark.parametrize("window", [MONITOR, PHONE], ids=["monitor", "phone"])
def test_gears_of_two_digits_fit_and_what_is_no_gear_is_a_question_mark(
    demo: str, visit: Callable[..., Visit], window: dict[str, int]
) -> None:
    page = visit(viewport=window)
    send = staged(page, demo, {"type": "state", "state": "live", "message": ""}, a_sample(gear_name="9"))
    width = "document.querySelector('#gear').getBoundingClientRect().width"
    page.until(f"document.querySelector('#gear').textContent === '9' && {width} > 0")
    narrow = page.page.evaluate(width)
    send(a_sample(gear_name="16"))
    page.until("document.querySelector('#gear').textContent === '16'")
    assert page.page.evaluate(width) <= 1.1 * narrow
    send(a_sample(gear_name="unknown"))
    page.until("document.querySelector('#gear').textContent === '?'")
    assert page.complaints == []


def test_the_map_counts_metres_from_the_timing_line_on(demo: str, visit: Callable[..., Visit]) -> None:
    page = visit()
    place = {"track_spline_length": 3000.0, "normalized_position": 0.1}
    send = staged(page, demo, {"type": "state", "state": "live", "message": ""}, a_sample(**place))
    page.until("document.querySelector('#map-progress').textContent.startsWith('300 of ')")
    send(a_sample(**place, line_position=0.8))
    page.until("document.querySelector('#map-progress').textContent.startsWith('900 of ')")
    assert page.complaints == []


def test_flags_shift_lights_and_states_show(demo: str, visit: Callable[..., Visit]) -> None:
    page = visit()
    values = {
        "rpm": 7600,
        "is_lap_valid": False,
        "wheel_lock_detected": True,
        "number_of_tyres_out": 4,
        "bodywork_damaged": True,
        "damage_level": [0.1, 0.0, 0.6, 0.0, 0.6],
        "flag_name": "yellow",
        "is_in_pit_lane": 1,
        "pit_limiter_on": 1,
        "wheel_locked": [True, False, False, False],
    }
    send = staged(page, demo, {"type": "state", "state": "live", "message": ""}, a_sample(**values))
    page.until("document.querySelectorAll('#flags li[data-lit=bad]').length")
    page.until("document.querySelector('#drive').dataset.shift === 'now'")
    lit = page.page.evaluate(
        "[...document.querySelectorAll('#flags li:not([data-lit=no])')].map((flag) => flag.textContent)"
    )
    assert lit == ["Invalid", "Lock", "4 out", "Damage", "yellow", "Pit lane", "Limiter"]
    assert page.page.evaluate("document.querySelector('#flag-stripe').dataset.flag") == "yellow"
    assert page.page.evaluate(
        "['front', 'rear', 'left'].map((zone) => document.querySelector(`#zone-${zone}`).dataset.level)"
    ) == [
        "warn",
        "good",
        "bad",
    ]
    assert (
        page.page.evaluate("getComputedStyle(document.querySelector('[data-lit=flag-yellow]')).color")
        == "rgb(17, 17, 17)"
    )
    assert page.page.is_visible("[data-wheel=FL] .locked")
    send({"type": "state", "state": "paused", "message": "The game is paused."})
    page.until("document.body.dataset.view === 'dimmed'")
    assert (page.text("state"), page.text("state-message")) == ("Paused", "The game is paused.")
    send(a_sample(sequence=3, elapsed=1.1))
    page.until("document.querySelector('#missed').textContent === '2'")


def test_the_delta_is_the_servers_and_the_games_own_stands_in(demo: str, visit: Callable[..., Visit]) -> None:
    page = visit()
    sample = a_sample(performance_meter=-0.25)  # from a server of before, which computes none
    send = staged(page, demo, {"type": "state", "state": "live", "message": ""}, sample)
    page.until("document.querySelector('#speed').textContent === '0'")
    assert (page.text("delta"), page.text("delta-reference")) == (DASH, "")
    shown = "document.querySelector('#delta').textContent"
    send(sample | {"delta_s": None, "reference_ms": None, "reference_position": None})
    page.until(f"{shown} === '\u22120.250'")
    assert page.text("delta-reference") == "as the game has it"
    send(sample | {"delta_s": 1.5, "reference_ms": 84_017, "reference_position": 0.6})
    page.until(f"{shown} === '+1.500'")
    assert page.text("delta-reference") == "to 1:24.017, best lap seen"
    box = "document.querySelector('#delta-box').dataset.trend + document.querySelector('#delta-bar').style.transform"
    assert page.page.evaluate(box) == "behindscaleX(0.75)"
    page.page.wait_for_selector("#map-ghost", state="visible")  # drawn with the next picture of the map
    send(sample | {"performance_meter": 0.0, "delta_s": None, "reference_ms": None, "reference_position": None})
    page.until(f"{shown} === '{DASH}'")
    assert page.text("delta-reference") == "from the second valid lap on"
    assert page.complaints == []


def test_colours_change_where_the_servers_thresholds_are(demo: str, visit: Callable[..., Visit]) -> None:
    values = {"tyre_worn": [0.75, 0.65, 0.85, None], "damage_level": [0.1, 0.3, 0.6, 0.0, 0.6]}
    live = {"type": "state", "state": "live", "message": ""}
    levels = """() => [...["FL", "FR", "RL", "RR"].map((wheel) =>
        document.querySelector(`[data-wheel=${wheel}] [data-part=worn-box]`).dataset.level),
        ...["front", "rear", "left"].map((zone) => document.querySelector(`#zone-${zone}`).dataset.level)]"""
    changed = asdict(Thresholds(tyre_damaged=0.7, damaged=0.2, critical=0.7))
    found = []
    for hello in ({}, {"thresholds": changed}, {"thresholds": None}):
        page = visit()
        staged(page, demo, live, a_sample(**values), hello=hello)
        page.until("document.querySelector('[data-wheel=FL] [data-part=worn]').textContent === '75'")
        found.append(page.page.evaluate(levels))
    assert found == [
        ["good", "good", "warn", "none", "warn", "warn", "bad"],
        ["warn", "good", "warn", "none", "good", "warn", "warn"],
        ["none"] * 7,
    ]


def test_memory_is_taken_once(demo: str, visit: Callable[..., Visit]) -> None:
    page = visit()
    page.page.goto(f"{demo}stream/fields.js")  # the module alone is quicker than the page
    found = page.page.evaluate("""async () => {
        const {SlidingWindow} = await import("/model/sliding_window.js");
        const window = new SlidingWindow(2, 10, 1000);
        const columns = [...window.columns];
        for (let index = 0; index < 60 * 3600; index += 1) window.add(index / 60, index);
        const [times, values] = window.views();
        return {same: columns.every((column, index) => column === window.columns[index]), size: window.size,
          span: times.at(-1) - times[0], newest: values.at(-1),
          rising: times.every((time, i) => !i || time > times[i - 1])};
    }""")
    assert found["same"]
    assert found["rising"]
    assert found["size"] in (600, 601)
    assert found["span"] == pytest.approx(10.0, abs=0.02)
    assert found["newest"] == 60 * 3600 - 1


def test_the_page_needs_nothing_from_elsewhere_and_nothing_inline() -> None:
    html = (PAGE / "index.html").read_text("utf-8")
    assert " style=" not in html
    assert "<style" not in html
    assert not re.search(r"\son\w+=", html)
    for script in (part for part in html.split("<script") if "</script>" in part):
        assert script.split(">", 1)[1].startswith("</script>")
    for file in PAGE.rglob("*.*"):
        if file.parent.name == "vendor":
            continue
        text = file.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "://" not in text.replace("ws://", ""), file.name
    assert {file.name for file in (PAGE / "vendor").iterdir()} == {
        "LICENSE",
        "README.md",
        "uPlot.iife.min.js",
        "uPlot.min.css",
    }


def test_the_page_asks_for_fields_that_there_are() -> None:
    from telemetry.fields.selection import select

    text = (PAGE / "stream" / "fields.js").read_text("utf-8").split("[", 1)[1].split("]")[0]
    lines = (line for line in text.splitlines() if not line.strip().startswith("//"))
    names = [name.strip(' "') for name in "".join(lines).split(",") if name.strip()]
    assert len(names) == len(set(names))
    assert [column.key for column in select(",".join(names))] == names
