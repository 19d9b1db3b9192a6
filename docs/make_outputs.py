"""Write the table in docs/outputs.md: write the Iris sample in every format, weigh it, and try what plays it.

A program is named only where it was tried and has shown all frames (or, where nothing moves in it, a still). Needs
Chromium with Playwright, FFmpeg, ImageMagick and gifsicle.

Usage: python docs/make_outputs.py
"""

from __future__ import annotations

import gzip
import io
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from nnanim import Animation, open_run

PAGE = Path(__file__).with_name("outputs.md")
IRIS = Path(__file__).parents[1] / "sample_results" / "iris"
BEGIN, END = "<!-- outputs: made by docs/make_outputs.py -->\n", "<!-- end of outputs -->\n"
TIMING: dict[str, Any] = {"ending": "ink", "hold_s": 2.0}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WAIT_MS, LOOKS = 100, 60  # between two looks at a page, and how many


class Output(NamedTuple):
    """A row of the table.

    Attributes:
        name: as the page has it.
        file: what is written.
        holds: what is in it, in words.
        full_color: whether the option is given.
    """

    name: str
    file: str
    holds: str
    full_color: bool = False


OUTPUTS = (
    Output("`.html`", "iris.html", "every snapshot, to look at step by step"),
    Output("`.svg`", "iris.svg", "strokes: sharp at any size; widths within 0.1 px, colours within 2 %"),
    Output("`.avif`", "iris.avif", "lossy: rims of lines are off by a tenth of the range at most"),
    Output("`.webm`", "iris.webm", "lossy: VP9, halved colours, as crisp as its quantiser 16"),
    Output("`.webp`", "iris.webp", "the very pixels of the `.gif`"),
    Output("`.gif`", "iris.gif", "255 colours at most, fixed for the run"),
    Output("`.mp4`", "iris.mp4", "lossy: H.264, halved colours, as crisp as its quantiser 14"),
    Output("`.webp` with `--full-color`", "iris-full.webp", "all colours", full_color=True),
    Output("`.png`, `.apng`", "iris.png", "all colours"),
)


def table(folder: Path) -> str:
    """Write all files into a folder and return the table in Markdown, the smallest file first."""
    run = open_run(IRIS)
    animation = Animation(run, **TIMING)
    animation.write(*(folder / output.file for output in OUTPUTS if not output.full_color))
    full = Animation(run, full_color=True, **TIMING)
    full.write(*(folder / output.file for output in OUTPUTS if output.full_color))
    with Browser() as browser:
        rows = [(output, folder / output.file) for output in OUTPUTS]
        rows.sort(key=lambda row: row[1].stat().st_size)
        lines = ["| output | KB | what it holds | plays in | shows one frame in |", "|---|--:|---|---|---|"]
        for output, path in rows:
            plays, stills = _tried(path, len(animation), browser)
            cells = (output.name, _size(path), output.holds, ", ".join(plays), ", ".join(stills))
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def page(text: str, made: str) -> str:
    """Return the page with its table as it should be."""
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + made + END + rest.partition(END)[2]


def _size(path: Path) -> str:
    kb = _thousands(path.stat().st_size)
    if path.suffix not in (".svg", ".html"):
        return kb
    return f"{kb} ({_thousands(len(gzip.compress(path.read_bytes(), 9)))} gzipped)"


def _thousands(size: int) -> str:
    return f"{round(size / 1000):,}".replace(",", " ")


def _tried(path: Path, frames: int, browser: Browser) -> tuple[list[str], list[str]]:
    """Return who shows all frames of a file, and who shows one."""
    counts: dict[str, Callable[[], int]] = {
        browser.name: lambda: frames if browser.plays(path) else 0,
        "Pillow": lambda: _frames_of_pillow(path),
        "FFmpeg": lambda: _count("ffprobe", *_PROBE, str(path)),
        "ImageMagick": lambda: len(_said("identify", "-format", "%s\n", str(path)).split()),
        "gifsicle": lambda: _said("gifsicle", "--info", str(path)).count("image #"),
    }
    seen = {name: count() for name, count in counts.items()}
    plays = [name for name, count in seen.items() if count == frames]
    return plays, [name for name, count in seen.items() if count == 1]


_PROBE = (
    "-v",
    "error",
    "-count_frames",
    "-select_streams",
    "v",
    "-show_entries",
    "stream=nb_read_frames",
    "-of",
    "csv=p=0",
)


def _said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    return done.stdout if done.returncode == 0 else ""


def _count(*command: str) -> int:
    return max(map(int, re.findall(r"\d+", _said(*command))), default=0)


def _frames_of_pillow(path: Path) -> int:
    try:
        with Image.open(path) as picture:
            return int(getattr(picture, "n_frames", 1))
    except OSError:
        return 0


class Browser:
    """Chromium, which plays a file if what is seen changes."""

    def __enter__(self) -> Browser:
        from playwright.sync_api import sync_playwright

        self._api = sync_playwright().start()
        program = next(filter(None, map(shutil.which, BROWSERS)))
        self._browser = self._api.chromium.launch(executable_path=program, args=["--no-sandbox"])
        self.name = f"Chromium {self._browser.version.split('.')[0]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._browser.close()
        self._api.stop()

    def plays(self, path: Path) -> bool:
        """Tell whether something moves: in an ``<img>``, a ``<video>``, or for a page when its button is pressed."""
        page = self._browser.new_page(viewport={"width": 920, "height": 640})
        if path.suffix == ".html":
            page.goto(path.as_uri())
            page.click("#play")
        else:
            tag = "video autoplay muted" if path.suffix in (".mp4", ".webm") else "img"
            around = path.with_name(f"{path.name}.html")
            around.write_text(f'<body style="margin:0"><{tag} src="{path.name}">', encoding="utf-8")
            page.goto(around.as_uri())
            if tag == "img" and not page.evaluate("document.querySelector('img').naturalWidth"):
                return False
        page.wait_for_timeout(WAIT_MS)
        seen = set()
        for _ in range(LOOKS):
            seen.add(Image.open(io.BytesIO(page.screenshot())).convert("RGB").tobytes())
            if len(seen) > 3:
                break
            page.wait_for_timeout(WAIT_MS)
        page.close()
        return len(seen) > 3


if __name__ == "__main__":
    for needed in ("ffprobe", "identify", "gifsicle"):
        if shutil.which(needed) is None:
            raise SystemExit(f"{needed!r} is not on PATH, so it cannot be tried")
    with tempfile.TemporaryDirectory() as made_in:
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), table(Path(made_in))), encoding="utf-8")
