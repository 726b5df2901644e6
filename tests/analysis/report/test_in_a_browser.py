"""The page of a report in Debian's Chromium, opened from its file: the cursor, the map, sizes, themes and paper."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from tests.analysis.report.conftest import WrittenReport
from tests.pages import MONITOR, PHONE, in_chromium, open_browser

pytestmark = in_chromium


OVERLAPPING: Final = """() => [...document.querySelectorAll("svg")].flatMap((svg) => {
    const texts = [...svg.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()])
        .filter(([text, box]) => text && box.width > 0);
    return texts.flatMap(([name, one], at) => texts.slice(at + 1).filter(([, other]) =>
        Math.min(one.right, other.right) - Math.max(one.left, other.left) > 1
        && Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 4).map(([other]) => [name, other]));
})"""
"""Texts of drawings that lie upon each other."""


browser = pytest.fixture(scope="module")(open_browser)


@pytest.fixture
def open_page(browser: Any, report: WrittenReport) -> Iterator[Callable[..., Any]]:
    """Opens the report; in the end it has complained of nothing and asked for nothing but itself."""
    contexts: list[Any] = []
    complaints: list[str] = []
    asked: list[str] = []

    def start(**options: Any) -> Any:
        contexts.append(browser.new_context(**{"viewport": MONITOR, **options}))
        page = contexts[-1].new_page()
        page.on("console", lambda line: complaints.append(line.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(report.path.as_uri())
        return page

    yield start
    assert complaints == []
    assert set(asked) == {report.path.as_uri()}
    for context in contexts:
        context.close()


def until(page: Any, condition: str) -> None:
    """Wait in Python: Playwright's own waiting evaluates text in the page, which the page's policy forbids."""
    for _ in range(600):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(30)
    pytest.fail(condition)


def look(page: Any) -> tuple[float, float, str]:
    """Where the dot is, and what the values under the cursor are."""
    found: list[Any] = page.evaluate("""() => {
        const dot = document.querySelector("#map .dot");
        return [Number(dot.getAttribute("cx")), Number(dot.getAttribute("cy")),
            document.querySelector("#values").innerText];
    }""")
    return found[0], found[1], found[2]


def test_one_cursor_moves_over_all_traces_with_the_dot_and_the_values(open_page: Callable[..., Any]) -> None:
    page = open_page()
    until(page, "document.querySelector('#map .dot').hasAttribute('cx')")
    assert page.locator("#plots .uplot").count() == 6
    first = look(page)
    for number in (1, 4):
        page.locator("#plots .u-over").nth(number).hover(position={"x": 60 * number, "y": 20})
        moved = look(page)
        assert moved != first
        first = moved
        lefts = page.evaluate("[...document.querySelectorAll('.u-cursor-x')].map((line) => line.style.transform)")
        assert len(set(lefts)) == 1
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    after = look(page)
    assert after[2] != first[2]
    assert after[:2] != first[:2]


def test_another_lap_can_be_looked_at(open_page: Callable[..., Any], report: WrittenReport) -> None:
    page = open_page()
    laps = [lap["label"] for lap in report.values["traces"]["laps"]]
    page.get_by_role("combobox").select_option(label=page.locator("option").nth(0).inner_text())
    until(page, f"document.querySelector('#values thead').innerText.split('lap {laps[0]}').length === 3")
    assert page.locator("#plots .uplot").count() == 6


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", [MONITOR, PHONE], ids=["monitor", "phone"])
def test_it_fits_and_nothing_lies_upon_its_neighbour(
    open_page: Callable[..., Any], size: dict[str, int], theme: str
) -> None:
    page = open_page(viewport=size, color_scheme=theme)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(OVERLAPPING) == []
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"dark": "rgb(12, 15, 20)", "light": "rgb(243, 244, 246)"}[theme]


def test_on_paper_it_is_light_and_shows_drawings_instead_of_canvases(open_page: Callable[..., Any]) -> None:
    page = open_page(color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("#plots").is_visible()
    assert page.locator(".static svg").count() == 6
    assert page.locator(".static svg").first.is_visible()
    assert page.evaluate(OVERLAPPING) == []


def test_without_scripts_the_drawings_stand_for_the_traces(browser: Any, report: WrittenReport) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto(report.path.as_uri())
    assert page.locator(".static svg").first.is_visible()
    page.close()
