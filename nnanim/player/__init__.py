"""The player: a run as one HTML page that needs nothing else, no network and no server.

`data` says what the page is told, the scripts show it, and here both become one file.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

from nnanim.design.theme import Color, pick_theme
from nnanim.frames.boxes import BoxHistory
from nnanim.frames.cells import CellHistory
from nnanim.frames.history import History
from nnanim.frames.rows import RowHistory
from nnanim.frames.weights import Weights
from nnanim.options import PALETTES, Options
from nnanim.player.boxes import lay_out
from nnanim.player.cells import with_cells
from nnanim.player.data import as_plain, numbers
from nnanim.player.head_room import HeadRoom
from nnanim.player.packing import pack
from nnanim.player.rows import empty_cell, told_hills

# Parts of one module, in this order; in the place of {view} stands the script of what is shown.
SCRIPTS = (
    "run.js",
    "{view}",
    "details.js",
    "spread.js",
    "curve.js",
    "moments.js",
    "compare.js",
    "address.js",
    "picture.js",
    "main.js",
)
VIEW_SCRIPTS: dict[str, tuple[str, ...]] = {
    "network": ("untiled.js", "network.js"),
    "tiles": ("tiles.js", "network.js"),
    "layers": ("rows.js", "layers.js"),
    "map": ("rows.js", "map.js"),
    "matrix": ("matrix.js",),
}
HILLS_SCRIPT = "hills.js"  # of rows with distributions
LIVE_SCRIPT, LIVE_STYLE = "live.js", "live.css"  # of a page that is told how a training goes on
# Nothing may be loaded from anywhere, and of scripts and styles only those run that are in the page now.
POLICY = (
    "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; img-src data:; base-uri 'none';"
    " form-action 'none'"
)


LIVE_POLICY = POLICY + "; connect-src 'self'"  # whoever serves the page tells it of new snapshots


@dataclass(frozen=True)
class Told:
    """All that the page is told of a run.

    Attributes:
        data: what JSON can hold.
        weights: packed numbers, as `pack` writes them.
        biases: likewise.
        view: which script shows it.
    """

    data: dict[str, Any]
    weights: str
    biases: str
    view: str


def tell(history: History, stays_s: Sequence[float], options: Options, room: HeadRoom | None = None) -> Told:
    """Collect what the page is told; the arguments are those of `page`, and the scales of a page that grows."""
    view = "network"
    if isinstance(history.shown, BoxHistory):
        view, history = "map", replace(history, shown=lay_out(history, options))
    elif isinstance(history.shown, CellHistory):
        view, history = "matrix", with_cells(history, options)
    elif isinstance(history.shown, RowHistory):
        view = "layers"
    elif isinstance(history.shown, Weights) and history.shown.tiles is not None:
        view = "tiles"
    data = as_plain(history, stays_s, options, room)
    packed = pack(*numbers(history, told_hills(data)))
    data |= {"planes": packed.planes, "view": view}
    return Told(data, packed.edges, packed.biases, view)


def page(
    history: History, stays_s: Sequence[float], options: Options, comment: str | None = None, still: str = ""
) -> str:
    """Write the page.

    Args:
        history: what there is to show.
        stays_s: how long each snapshot is shown.
        options: the user's choices.
        comment: a short text to keep in the page.
        still: markup of a picture, for who runs no scripts.
    """
    return page_of(tell(history, stays_s, options), options, comment, still)


def page_of(told: Told, options: Options, comment: str | None = None, still: str = "", *, is_live: bool = False) -> str:
    """Write the page of what it is told.

    Args:
        told: about the run.
        options: the user's choices.
        comment: a short text to keep in the page.
        still: markup of a picture, for who runs no scripts.
        is_live: whether the page listens to whoever serves it for what is new.
    """
    style = _colors(options) + _code("player.css") + (_code(LIVE_STYLE) if is_live else "")
    place = SCRIPTS.index("{view}")
    of_view = (*VIEW_SCRIPTS[told.view], *((HILLS_SCRIPT,) if "hills" in told.data else ()))
    scripts = (*SCRIPTS[:place], *of_view, *SCRIPTS[place + 1 :], *((LIVE_SCRIPT,) if is_live else ()))
    script = "".join(map(_code, scripts))
    policy = (LIVE_POLICY if is_live else POLICY).format(script=_hash(script), style=_hash(style))
    return _fill(
        _own("template.html"),
        {
            "policy": policy,
            "comment": html.escape(comment or ""),
            "title": html.escape(told.data["name"]),
            "theme": options.theme if options.theme == "dark" else "auto",
            "style": style,
            "still": still,
            "data": in_script(told.data),
            "weights": told.weights,
            "biases": told.biases,
            "script": script,
        },
    )


def waiting_page(name: str, options: Options) -> str:
    """Write the page that is served until there is something to show."""
    style = _colors(options) + _code("player.css")
    script = _own("waiting.js")
    policy = LIVE_POLICY.format(script=_hash(script), style=_hash(style))
    theme = options.theme if options.theme == "dark" else "auto"
    parts = {"policy": policy, "title": html.escape(name), "theme": theme, "style": style, "script": script}
    return _fill(_own("waiting.html"), parts)


def in_frame(document: str, picture: bytes) -> str:
    """Wrap a page for a notebook, where it can neither reach the notebook nor be reached by its styles.

    A notebook that is not trusted drops frames and scripts, and shows the picture alone.

    Args:
        document: the page.
        picture: a PNG.
    """
    encoded = base64.b64encode(picture).decode()
    return (
        f'<div><img alt="nnanim" style="max-width:100%" src="data:image/png;base64,{encoded}">'
        '<iframe title="nnanim player" sandbox="allow-scripts allow-downloads" loading="lazy"'
        ' style="width:100%;height:760px;border:0;border-radius:8px" srcdoc="' + html.escape(document) + '"></iframe>'
        f"<script>{_code('notebook.js')}</script></div>"
    )


def in_script(data: Any) -> str:
    """Write JSON that ends no script element, whatever the texts in it are."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _fill(template: str, parts: dict[str, str]) -> str:
    """Put each part in the place of ``{{name}}``, never looking into what was put in."""
    written = []
    rest = template
    while "{{" in rest:
        before, _, rest = rest.partition("{{")
        name, _, rest = rest.partition("}}")
        written += [before, parts[name]]
    return "".join([*written, rest])


def _own(name: str) -> str:
    return (files("nnanim.player") / name).read_text(encoding="utf-8")


def _code(name: str) -> str:
    """Return a script or a style without its comments and its indentation, which are a seventh of it."""
    lines = map(str.strip, _own(name).splitlines())
    return "".join(f"{line}\n" for line in lines if line and not line.startswith(("//", "/*")))


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _colors(options: Options) -> str:
    """Write the theme's colours as variables, light or dark by the reader's wish."""
    assert options.palette in PALETTES
    light, dark = (_variables(theme, options.palette) for theme in ("light", "dark"))
    return (
        f":root{{color-scheme:light;{light}}}\n"
        f"@media(prefers-color-scheme:dark){{:root[data-theme=auto]{{color-scheme:dark;{dark}}}}}\n"
        f":root[data-theme=dark]{{color-scheme:dark;{dark}}}\n"
    )


def _variables(theme: str, palette: str) -> str:
    colors = pick_theme(theme, palette)
    named: dict[str, Color] = {
        "background": colors.background,
        "ink": colors.ink,
        "muted": colors.muted,
        "line": colors.unchanged,
        "node": colors.node,
        "dot": colors.dot,
        "curve0": colors.curves[0],
        "curve1": colors.curves[1],
        "empty": empty_cell(colors),
    }
    return "".join(f"--{name}:rgb({red} {green} {blue});" for name, (red, green, blue) in named.items())
