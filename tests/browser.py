"""Debian's Chromium driven by Playwright, for the tests that need a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)

TEXTS_IN_THE_WAY = """() => [...document.querySelectorAll("svg")].flatMap((svg) => {
  const place = svg.getBoundingClientRect();
  if (!place.width) return [];
  const texts = [...svg.querySelectorAll("text")].filter((text) => text.textContent.trim()).map((text) => {
    const box = text.getBoundingClientRect();
    // The box has room for accents and descenders, which digits and most letters leave empty.
    return { text: text.textContent, left: box.left, right: box.right, top: box.top + box.height / 6,
      bottom: box.bottom - box.height / 6 };
  });
  const wrong = texts
    .filter(({ left, right, top, bottom }) => left < place.left - 0.5 || right > place.right + 0.5
      || top < place.top - 0.5 || bottom > place.bottom + 0.5)
    .map(({ text }) => `${text} leaves ${svg.id}`);
  texts.forEach((one, index) => texts.slice(index + 1).forEach((other) => {
    const wide = Math.min(one.right, other.right) - Math.max(one.left, other.left);
    const high = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
    if (wide > 0.5 && high > 0.5) wrong.push(`${one.text} lies on ${other.text}`);
  }));
  return wrong;
})"""


@contextmanager
def chromium() -> Iterator[Any]:
    """Run Chromium; the test is skipped where it or Playwright is missing."""
    if BROWSER is None:
        pytest.skip("Chromium is not installed")
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with api.sync_playwright() as playwright:
        # Root in a container has no other way; nothing but our own page is opened.
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


class Player:
    """A page and what it did wrong."""

    def __init__(self, browser: Any, file: Path, *, clock: bool = False, **context: Any) -> None:
        self.context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce", **context}
        )
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.wrong.append(message.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        if clock:
            self.page.clock.install()
        self.page.goto(file.as_uri())
        if clock:
            self.page.clock.pause_at(self.page.evaluate("Date.now() + 1000"))
        self.page.wait_for_selector("html[data-ready]")

    def text(self, place: str) -> str:
        return str(self.page.locator(place).inner_text())

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def facts(self) -> dict[str, str]:
        names = self.page.locator("#facts dt").all_inner_texts()
        values = self.page.evaluate(
            "() => [...document.querySelectorAll('#facts dd')].map((dd) => dd.title || dd.innerText)"
        )
        return dict(zip(names, values, strict=True))

    def point_on_edge(self, index: int, share: float = 0.5) -> tuple[float, float]:
        x, y = self.page.evaluate(
            """([index, share]) => {
              const line = document.querySelector(`#graph line[data-index="${index}"]`);
              const [x1, y1, x2, y2] = ["x1", "y1", "x2", "y2"].map((name) => Number(line.getAttribute(name)));
              const point = new DOMPoint(x1 + share * (x2 - x1), y1 + share * (y2 - y1));
              const { x, y } = point.matrixTransform(line.getScreenCTM());
              return [x, y];
            }""",
            [index, share],
        )
        return x, y

    def hover_edge(self, index: int) -> None:
        """Point at an edge where no other is as near."""
        for share in np.linspace(0.15, 0.85, 29):
            self.page.mouse.move(*self.point_on_edge(index, float(share)))
            if self.page.locator("#details").get_attribute("data-thing") == f"edge{index}":
                return
        raise AssertionError(f"edge {index} cannot be reached")

    def hover_node(self, index: int) -> None:
        box = self.page.locator("#graph circle.node").nth(index).bounding_box()
        self.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    def resize(self, width: int) -> None:
        """Take a screen of another width, and wait until the page has followed."""
        self.page.set_viewport_size({"width": width, "height": 800})
        view = "narrow" if width < 520 else "wide"
        self.page.wait_for_selector(f"#graph[data-view={view}]")
        self.page.evaluate("() => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))")

    def color_at(self, x: float, y: float) -> list[int]:
        """Return the colour of the canvas at a place in the units of the view."""
        found: list[int] = self.page.evaluate(
            """([x, y]) => {
              const canvas = document.getElementById("cells");
              const wide = document.getElementById("graph").viewBox.baseVal.width;
              const scale = canvas.width / wide;
              const copy = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
              copy.drawImage(canvas, -Math.floor(x * scale), -Math.floor(y * scale));
              return [...copy.getImageData(0, 0, 1, 1).data].slice(0, 3);
            }""",
            [x, y],
        )
        return found

    def texts_in_the_way(self) -> list[str]:
        """Tell which texts leave their SVG, and which lie on another."""
        found: list[str] = self.page.evaluate(TEXTS_IN_THE_WAY)
        return found
