"""A notebook in a real JupyterLab in Chromium: `make test-notebook`, which sets up what this needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from folders import jump_folder

pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")

TOKEN = "only-on-this-computer"  # noqa: S105 - of a server that ends with the test
CODE = "import nnanim\nnnanim.Animation(nnanim.open_run('jump'))"


def notebook(outputs: list[Any]) -> str:
    cell = {
        "cell_type": "code",
        "id": "run",
        "execution_count": None,
        "metadata": {},
        "outputs": outputs,
        "source": CODE,
    }
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return json.dumps({"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})


def outputs_of(folder: Path) -> list[Any]:
    import nnanim

    animation = nnanim.Animation(nnanim.open_run(folder / "jump"))
    shown = {"text/html": animation._repr_html_(), "text/plain": repr(animation)}
    return [{"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": shown}]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a folder with a run and two notebooks, one of them as somebody else left it."""
    folder = tmp_path_factory.mktemp("lab")
    jump_folder(folder / "jump")
    (folder / "new.ipynb").write_text(notebook([]), encoding="utf-8")
    (folder / "foreign.ipynb").write_text(notebook(outputs_of(folder)), encoding="utf-8")
    port = 18000 + os.getpid() % 2000
    address = f"http://127.0.0.1:{port}/lab/tree/"
    options = [f"--ServerApp.port={port}", f"--IdentityProvider.token={TOKEN}", "--ServerApp.port_retries=0"]
    root = Path(__file__).parents[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", *options],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(root), "JUPYTER_CONFIG_DIR": str(folder / "config")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/api/status?token={TOKEN}")
        yield address
    finally:
        server.terminate()
        server.wait(20)


def wait_for(address: str) -> None:
    for _ in range(240):
        try:
            with urllib.request.urlopen(address, timeout=2):  # noqa: S310 - our own server
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise AssertionError("JupyterLab did not start")


def open_notebook(browser: Any, lab: str, name: str) -> Any:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(f"{lab}{name}?token={TOKEN}", timeout=120_000)
    page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=120_000)
    return page


def test_a_cell_shows_the_player_whole(browser: Any, lab: str) -> None:
    page = open_notebook(browser, lab, "new.ipynb")
    page.get_by_text("| Idle").wait_for(timeout=120_000)  # the kernel has started
    page.locator(".jp-Notebook .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    frame = page.frame_locator("iframe[title='nnanim player']")
    frame.locator("html[data-ready]").wait_for(state="attached", timeout=120_000)
    page.wait_for_timeout(1000)
    there, shown = frame.locator("html").evaluate("(page) => [page.scrollHeight, innerHeight]")
    assert there <= shown + 1
    assert shown > 500
    assert page.locator(".jp-OutputArea img").count() == 0
    frame.locator("#first").click()
    assert frame.locator("#time").inner_text() == "epoch 1"
    page.context.close()


def test_a_notebook_that_is_not_trusted_shows_the_picture(browser: Any, lab: str) -> None:
    page = open_notebook(browser, lab, "foreign.ipynb")
    picture = page.locator(".jp-OutputArea img")
    picture.wait_for(timeout=120_000)
    assert picture.evaluate("(image) => image.complete && image.naturalWidth") == 900
    assert page.locator("iframe[title='nnanim player']").count() == 0
    page.context.close()
