"""The page of several runs side by side: one picture of all, one slider, and a table of what each run shows then.

The picture is the animated SVG of the runs; the script of the page stops its motion and sets it to the moment of the
slider (Web Animations, https://www.w3.org/TR/web-animations-1/).
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from nnanim.design.theme import Theme

# Nothing may be loaded from anywhere, and of scripts and styles only those run that are in the page now.
POLICY = "default-src 'none'; script-src 'sha256-{script}'; style-src {styles}; base-uri 'none'; form-action 'none'"
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


@dataclass(frozen=True)
class RunTold:
    """What the page says of one run.

    Attributes:
        name: of the run or its group.
        color: of its square, as ``#rrggbb``.
        shown: what it shows at each moment, ``"epoch 20"`` or ``"ended at epoch 12"``.
        values: of the metric at each moment as texts; none where the run has no curve.
    """

    name: str
    color: str
    shown: Sequence[str]
    values: Sequence[str]


@dataclass(frozen=True)
class PageTold:
    """What the page is told.

    Attributes:
        title: of the page.
        picture: an SVG element whose motion lasts as long as all moments together.
        moments: what the clock of all runs says.
        durations_ms: how long each moment is shown.
        loop: whether it plays again from the start.
        metric: what the curves show; empty for none.
        runs: in the order of the panels.
    """

    title: str
    picture: str
    moments: Sequence[str]
    durations_ms: Sequence[int]
    loop: bool
    metric: str
    runs: Sequence[RunTold]


def page_of_runs(told: PageTold, theme: Theme, comment: str | None = None) -> str:
    """Write the page.

    Args:
        told: about the runs.
        theme: of the picture.
        comment: a short text to keep in the page.
    """
    own, script = _variables(theme) + _own("multiples.css"), _own("multiples.js")
    # The picture's own rules may apply, and nothing that anybody else may have put in.
    styles = " ".join(f"'sha256-{_hash(style)}'" for style in (own, *_STYLE.findall(told.picture)))
    data = {
        "moments": list(told.moments),
        "durations_ms": list(told.durations_ms),
        "loop": told.loop,
        "metric": told.metric,
        "runs": [
            {"name": run.name, "color": run.color, "shown": list(run.shown), "values": list(run.values)}
            for run in told.runs
        ],
    }
    parts = {
        "policy": POLICY.format(script=_hash(script), styles=styles),
        "comment": html.escape(comment or ""),
        "title": html.escape(told.title),
        "style": own,
        "picture": told.picture,
        "data": _in_script(data),
        "script": script,
    }
    template = _own("multiples.html")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)


def _in_script(data: object) -> str:
    """Write JSON that ends no script element, whatever the texts in it are."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _own(name: str) -> str:
    return (files("nnanim.player") / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _variables(theme: Theme) -> str:
    named = {"background": theme.background, "ink": theme.ink, "muted": theme.muted, "line": theme.unchanged}
    colors = "".join(f"--{name}:rgb({red} {green} {blue});" for name, (red, green, blue) in named.items())
    scheme = "dark" if sum(theme.background) < sum(theme.ink) else "light"
    return f":root{{color-scheme:{scheme};{colors}}}\n"
