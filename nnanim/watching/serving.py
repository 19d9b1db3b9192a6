"""Serve one page and one stream of events, and nothing else of the machine.

The page is the player. The stream sends what a page is told of the newest snapshot (server-sent events,
https://html.spec.whatwg.org/multipage/server-sent-events.html); who is slow gets the newest only.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from nnanim.animation import Animation
from nnanim.errors import OptionError
from nnanim.extras import how_to_install
from nnanim.options import Options
from nnanim.player import page_of, waiting_page
from nnanim.player.head_room import HeadRoom
from nnanim.watching.access import Access, address_of

KEEP_ALIVE_S = 15.0  # between two signs of life, so that proxies do not close a stream
CLOSING_S = 2  # for streams to end
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "frame-ancestors 'none'",  # which a page cannot say of itself
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True)
class Shown:
    """What is served now.

    Attributes:
        version: how many pictures there were; 0 before the first.
        page: the whole page.
        event: what the stream says of it; empty before the first picture.
        is_over: whether nothing more will come.
    """

    version: int
    page: str
    event: bytes = b""
    is_over: bool = False


class Board:
    """What is served, changed by the thread that watches and read by the one that serves."""

    def __init__(self, name: str, options: Options) -> None:
        self._options = options
        self._runs = 0
        self._room = HeadRoom()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()
        self.shown: Shown = Shown(0, waiting_page(name, options))

    def show(self, animation: Animation, *, is_new_run: bool) -> None:
        """Serve what is newest from now on."""
        if is_new_run:
            self._runs += 1
            self._room = HeadRoom()
        told = animation.tell_player(self._room)
        version = self.shown.version + 1
        live = {"version": version, "run": self._runs, "times_enlarged": self._room.times_enlarged}
        data = told.data | {"live": live}
        event = json.dumps({"data": data, "weights": told.weights, "biases": told.biases}, allow_nan=False)
        page = page_of(replace(told, data=data), self._options, is_live=True)
        self._change(Shown(version, page, f"event: run\nid: {version}\ndata: {event}\n\n".encode()))

    def end(self) -> None:
        """Tell all pages that nothing more will come."""
        self._change(replace(self.shown, is_over=True))

    def serve_from(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tell news to streams in this loop."""
        self._loop = loop

    async def events(self, have: str) -> AsyncIterator[bytes]:
        """Yield what a stream says.

        Args:
            have: the version that the page shows already.
        """
        while True:
            news, shown = self._news, self.shown
            if shown.event and str(shown.version) != have:
                have = str(shown.version)
                yield shown.event
                continue
            if shown.is_over:
                yield b"event: over\ndata:\n\n"
                return
            try:
                await asyncio.wait_for(news.wait(), KEEP_ALIVE_S)
            except asyncio.TimeoutError:
                yield b": still here\n\n"

    def _change(self, shown: Shown) -> None:
        self.shown = shown
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


class Server:
    """Serves a board from a thread of its own; a context manager."""

    def __init__(self, board: Board, host: str | None, port: int) -> None:
        """Take the place to serve from.

        Raises:
            OptionError: what serves is not installed, or the place cannot be had.
        """
        try:
            import starlette  # noqa: F401  (told before anything else is done)
            import uvicorn
        except ImportError:
            raise OptionError(
                f"the page needs packages that are not installed: {how_to_install('watch')}"
                " (or write files alone: --no-serve -o live.gif)"
            ) from None
        self._board = board
        self._socket = _bind(host, port)
        self.access: Access = Access.of(host, self._socket.getsockname()[1])
        config = uvicorn.Config(
            make_app(board, self.access),
            log_config=None,
            log_level="critical",
            access_log=False,
            lifespan="off",
            http="h11",
            ws="none",
            loop="asyncio",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=CLOSING_S,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="server", daemon=True)

    @property
    def address(self) -> str:
        """Where the page is."""
        return self.access.address

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._board.end()
        self._server.should_exit = True
        self._thread.join(2 * CLOSING_S)
        self._socket.close()

    async def _serve(self) -> None:
        self._board.serve_from(asyncio.get_running_loop())
        await self._server.serve(sockets=[self._socket])


def make_app(board: Board, access: Access) -> Any:
    """Return the ASGI application: the page at ``/`` and the stream at ``/stream``."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
    from starlette.routing import Route

    def refused(request: Request) -> Response | None:
        why = access.why_refused(request.headers.getlist("host"), request.headers.get("origin"), request.query_params)
        return None if why is None else PlainTextResponse(why + "\n", 403, HEADERS)

    async def page(request: Request) -> Response:
        return refused(request) or HTMLResponse(board.shown.page, headers=HEADERS)

    async def stream(request: Request) -> Response:
        have = request.headers.get("last-event-id") or request.query_params.get("have", "")
        return refused(request) or StreamingResponse(
            board.events(have), media_type="text/event-stream", headers=HEADERS
        )

    app = Starlette(routes=[Route("/", page, methods=["GET"]), Route("/stream", stream, methods=["GET"])])
    app.router.redirect_slashes = False
    return app


def _bind(host: str | None, port: int) -> socket.socket:
    place = host or "127.0.0.1"
    try:
        family = socket.getaddrinfo(place, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((place, port), family=family)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OptionError(f"cannot serve at {address_of(place, port)}: {reason} (choose another --port)") from error
