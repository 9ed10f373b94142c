"""A real browser for tests: finding and starting Chromium, judging pages by axe-core, weighing what they load."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Response, sync_playwright

AXE = Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


def chromium_path() -> str | None:
    """Where Chromium is: what `CHROMIUM` names, or else what is on the path."""
    names = [os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"]
    return next((found for name in names if name and (found := shutil.which(name))), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running Chromium. Without one the test is skipped, and fails where CI=true."""
    path = chromium_path()
    if path is None:
        reason = "NO BROWSER: Chromium is not installed (.ci/browser brings it; or set CHROMIUM=/path/to/it)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else FLAGS
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        try:
            yield browser
        finally:
            browser.close()


def assert_accessible(page: Page, *, without: tuple[str, ...] = ()) -> None:
    """The page as it stands breaks no rule of axe-core (WCAG 2.2 AA and good practice); `without` names rules that are left out."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate(
        """async ([tags, without]) => {
            const rules = Object.fromEntries(without.map((rule) => [rule, { enabled: false }]));
            const runOnly = { type: "tag", values: tags };
            const { violations } = await axe.run(document, { runOnly, rules, resultTypes: ["violations"] });
            const told = (node) => `${node.target}: ${node.failureSummary}`;
            return Object.fromEntries(violations.map((each) => [each.id, each.nodes.map(told)]));
        }""",
        [RULES, list(without)],
    )
    assert found == {}, "\n".join(f"{rule}\n  " + "\n  ".join(nodes) for rule, nodes in found.items())


def assert_fits(page: Page) -> None:
    """Nothing stands out to the side: the page scrolls up and down alone."""
    wide = page.evaluate(
        """() => {
            const room = document.documentElement.clientWidth;
            return document.documentElement.scrollWidth <= room ? [] : [...document.querySelectorAll("body *")]
                .filter((each) => each.getBoundingClientRect().right > room + 1)
                .map((each) => each.tagName + "." + each.className).slice(0, 5);
        }"""
    )
    assert wide == []


@dataclass(slots=True)
class Weight:
    """What a page loaded, in bytes as they came over the wire, by kind: `document`, `stylesheet`, `script`, `font`, `image`."""

    kinds: dict[str, int] = field(default_factory=dict)
    urls: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.kinds.values())


def weight(page: Page, url: str) -> Weight:
    """What this address costs somebody who comes for the first time."""
    found = Weight()
    answers: list[Response] = []

    def note(answer: Response) -> None:
        answers.append(answer)

    page.on("response", note)
    page.goto(url, wait_until="load")
    page.evaluate("document.fonts.ready.then(() => undefined)")
    page.remove_listener("response", note)
    for answer in answers:
        if answer.request.resource_type == "eventsource":
            continue  # it stays open, and says what changes
        sizes = answer.request.sizes()
        kind = answer.request.resource_type
        found.kinds[kind] = found.kinds.get(kind, 0) + max(0, sizes["responseBodySize"])  # below 0: from the cache
        found.urls.append(answer.url)
    return found
