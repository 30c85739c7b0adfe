"""A real browser, for what only a browser can tell of a page."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Opened", "opened"]

_PATIENCE_S = 60
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,1000",
)


@dataclass(frozen=True)
class Opened:
    """A page in a browser.

    Attributes:
        driver: Selenium's.
        complaints: What stands in the browser's console.
        requests: The addresses that were asked for, the page's own and `data:` aside.
    """

    driver: Any
    complaints: list[str]
    requests: list[str]


@contextmanager
def opened(page: Path, profile: Path) -> Iterator[Opened]:
    """Open a page and draw all its plots; the test is skipped where there is no browser.

    Args:
        page: The HTML file.
        profile: A new directory for the browser.
    """
    webdriver = pytest.importorskip("selenium.webdriver")
    waiting = pytest.importorskip("selenium.webdriver.support.wait")
    browser = next((found for name in ("chromium", "google-chrome") if (found := shutil.which(name))), None)
    helper = shutil.which("chromedriver")
    if browser is None or helper is None:
        pytest.skip("needs chromium and chromedriver to open the page in a real browser")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(helper))
    try:
        driver.get(page.as_uri())
        ready = "return document.readyState === 'complete' && typeof window.drawAllPlots === 'function'"
        waiting.WebDriverWait(driver, _PATIENCE_S).until(lambda _: driver.execute_script(ready))
        driver.execute_script("window.drawAllPlots()")
        complaints = [entry["message"] for entry in driver.get_log("browser")]
        yield Opened(driver, complaints, _requests(driver, page))
    finally:
        driver.quit()


def _requests(driver: Any, page: Path) -> list[str]:
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    sent = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    own = (
        "data:",
        "chrome:",
        "chrome-untrusted:",
        page.as_uri(),
    )  # chrome: is the browser's first, empty tab
    return [address for address in sent if not address.startswith(own)]
