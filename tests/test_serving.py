from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import nnanim
from nnanim.errors import OptionError
from nnanim.options import Options
from tests.browser import chromium
from tests.test_following import save

pytest.importorskip("starlette", reason="nnanim[watch] is not installed")
pytest.importorskip("uvicorn", reason="nnanim[watch] is not installed")

from nnanim.watching.serving import Board, Server

WAIT_S = 30


_asked: list[HTTPConnection | HTTPResponse] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while _asked:
        _asked.pop().close()


@contextmanager
def serving(host: str | None = None) -> Iterator[tuple[Board, Server]]:
    board = Board("result", Options())
    with Server(board, host, 0) as server:
        yield board, server


def show(board: Board, result: Path, *, is_new_run: bool = False) -> None:
    board.show(nnanim.Animation(nnanim.open_run(result)), is_new_run=is_new_run)


def get(server: Server, path: str = "/", method: str = "GET", **headers: str) -> HTTPResponse:
    place = urlsplit(server.address)
    connection = HTTPConnection("127.0.0.1", place.port or 0, timeout=WAIT_S)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    _asked.extend([connection, answer])
    return answer


def next_event(stream: HTTPResponse) -> tuple[str, dict[str, Any]]:
    """Read one event of a stream: its kind, and what it says."""
    fields: dict[str, str] = {}
    while (line := stream.readline().decode().rstrip("\n")) or not fields:
        name, _, value = line.partition(":")
        if name:
            fields[name] = value.strip()
    return fields["event"], json.loads(fields["data"] or "{}")


def test_the_page_is_the_player_and_says_that_it_waits_before(result: Path) -> None:
    save(result, 1)
    with serving() as (board, server):
        assert "Waiting for the first snapshot" in get(server).read().decode()
        show(board, result)
        answer = get(server)
        page = answer.read().decode()
    assert 'id="slider"' in page
    assert "epoch 1" in page
    policy = page.split('http-equiv="Content-Security-Policy" content="')[1].split('"')[0]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_a_written_page_listens_to_nobody(result: Path) -> None:
    save(result, 1)
    page = nnanim.Animation(nnanim.open_run(result)).html()
    assert "EventSource" not in page
    assert "connect-src" not in page


def test_the_stream_tells_each_snapshot_and_the_end(result: Path) -> None:
    save(result, 1)
    with serving() as (board, server):
        streams = [get(server, "/stream") for _ in range(10)]
        for epoch in (1, 2):
            save(result, epoch)
            show(board, result)
            for stream in streams:
                kind, told = next_event(stream)
                assert kind == "run"
                assert told["data"]["titles"][-1] == f"epoch {epoch}"
                assert told["data"]["live"]["version"] == epoch
                assert told["weights"]
        late = get(server, "/stream?have=1")
        assert next_event(late)[1]["data"]["live"]["version"] == 2
        again = get(server, "/stream?have=1", Last_Event_ID="2")
        board.end()
        for stream in (*streams, late, again):
            assert next_event(stream)[0] == "over"


def test_a_new_run_is_told(result: Path) -> None:
    save(result, 1)
    with serving() as (board, server):
        stream = get(server, "/stream")
        runs = []
        for is_new_run in (False, False, True):
            show(board, result, is_new_run=is_new_run)
            runs.append(next_event(stream)[1]["data"]["live"]["run"])
    assert runs == [0, 0, 1]


@pytest.mark.parametrize("path", ["/", "/stream"])
def test_foreign_names_and_origins_are_refused(result: Path, path: str) -> None:
    save(result, 1)
    with serving() as (board, server):
        show(board, result)
        for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
            answer = get(server, path, **headers)
            assert answer.status == 403
            assert b"epoch" not in answer.read()


@pytest.mark.parametrize("path", ["/model_epoch_001.npz", "/../result/model_epoch_001.npz", "/stream/", "/docs", "//"])
def test_nothing_else_is_served(result: Path, path: str) -> None:
    save(result, 1)
    with serving() as (board, server):
        show(board, result)
        assert get(server, path).status == 404
        assert get(server, "/", method="POST").status == 405


def test_with_a_host_the_token_is_needed(result: Path) -> None:
    save(result, 1)
    with serving("127.0.0.1") as (board, server):
        show(board, result)
        query = urlsplit(server.address).query
        assert query.startswith("token=")
        for path in ("/", "/stream"):
            assert get(server, path).status == 403
            assert get(server, f"{path}?token=guessed").status == 403
            assert get(server, f"{path}?{query}").status == 200


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OptionError, match=f"cannot serve at http://127.0.0.1:{port}/.*choose another --port"):
            Server(Board("result", Options()), None, port)


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_what_must_be_installed_is_told(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    way_out = r"pip install starlette uvicorn watchfiles \(or write files alone: --no-serve"
    with pytest.raises(OptionError, match=way_out):
        Server(Board("result", Options()), None, 0)


def test_the_page_grows_and_keeps_the_readers_place(result: Path) -> None:
    save(result, 1)
    (result / "log.csv").write_text("epoch,loss\n1,3.0\n2,2.5\n3,2.0\n4,1.5\n")
    with chromium() as browser, serving() as (board, server):
        page = browser.new_page()
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text))
        page.goto(server.address)
        assert page.inner_text("#waiting") == "Waiting for the first snapshot."
        show(board, result)
        page.wait_for_selector("#live[data-state=live]")
        assert page.inner_text("#time") == "epoch 1"
        save(result, 2)
        show(board, result)
        page.get_by_text("2 snapshots").wait_for()
        assert page.inner_text("#time") == "epoch 2"  # at the newest, as before
        page.locator("#graph circle.node").nth(3).click()
        page.mouse.move(5, 5)
        page.press("body", "Home")
        page.select_option("#speed", "4")
        page.focus("#speed")  # so that the neuron is kept, and neither pointed at nor focused
        kept = page.get_attribute("#details", "data-thing")
        assert kept == "neuron3"
        save(result, 3)
        show(board, result)
        page.get_by_text("3 snapshots").wait_for()
        assert page.inner_text("#time") == "epoch 1"  # where the reader stopped
        assert page.get_attribute("#details", "data-thing") == kept
        assert page.input_value("#speed") == "4"
        assert page.get_attribute("#slider", "max") == "2"
        assert page.locator("#plot path.curve0").count() == 2  # ahead and passed, none of the curve before
        page.click("#next")
        assert page.inner_text("#time") == "epoch 2"
        save(result, 1, seed=7)
        show(board, result, is_new_run=True)
        page.get_by_text("a new run").wait_for()
        assert page.inner_text("#time") == "epoch 3"
        board.end()
        page.wait_for_selector("#live[data-state=over]")
        assert wrong == []
