"""Pictures of the dashboard, to be looked at: `uv run tests/browser/screenshots.py URL FOLDER [SECONDS]`.

Every size and theme at once, after the page was open for so many seconds (15 by default).
"""

import shutil
import sys
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

SIZES: Final = {"monitor": (1280, 720), "tablet": (820, 1180), "phone": (390, 844)}


def main(url: str, folder: Path, seconds: float) -> None:
    """Take them all."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        pages = {}
        for name, (width, height) in SIZES.items():
            for theme in ("dark", "light"):
                page = browser.new_page(viewport={"width": width, "height": height})
                page.emulate_media(color_scheme="light" if theme == "light" else "dark")
                page.goto(url)
                pages[f"{name}-{theme}"] = page
        page.wait_for_timeout(1000.0 * seconds)
        for name, page in pages.items():
            page.screenshot(path=folder / f"{name}.png", full_page=not name.startswith("monitor"))
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 15.0)
