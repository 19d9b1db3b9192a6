"""A run in a few lines of Markdown, for the summary of a CI job."""

from __future__ import annotations

import base64
import io
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from nnanim.animation import Animation
from nnanim.design.wording import weight_tensors
from nnanim.encoders.whole_file import whole_file
from nnanim.errors import OutputError
from nnanim.frames.curves import axis_of, curves_of
from nnanim.frames.units import unit_of
from nnanim.printable import printable
from nnanim.reading.logs.log import Log
from nnanim.words import counted

PICTURE_PX = (600, 600)  # at most; the proportions are kept
PICTURE_COLORS = 128
CHART_POINTS = 40
# What GitHub, GitLab, and mail and chat programs behind them turn into a link, a picture, a formula or a message to
# somebody although it is escaped: @somebody, #1, !1, &copy;, :smile:, addresses with and without a scheme. An invisible
# character, the word joiner, takes the life out of them.
# Sources: https://github.github.com/gfm/#autolinks-extension-, https://docs.gitlab.com/user/markdown/
DEAD = "\u2060"
_ALIVE = re.compile(
    r"@|[#!$&%^~](?=\w)|&(?=\#)|:(?=//|[\w+-]+:)|(?:https?|ftp|xmpp|mailto|www)(?=[:.])|(?<=\w)\.(?=[^\W\d_]{2})",
    re.IGNORECASE,
)
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~$])")


def write_summary(animation: Animation, path: str | Path) -> None:
    """Write the metrics of a run, a chart and a small picture of its last snapshot.

    The picture is inside the file. GitHub leaves such pictures out of job summaries and shows their description
    instead, so the chart is text, which GitHub and GitLab draw (Mermaid).

    Raises:
        OutputError: the file cannot be written.
        GraphvizError: Graphviz is missing or fails.
    """
    text = summary(animation)
    with whole_file(Path(path)) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def summary(animation: Animation) -> str:
    """Return what `write_summary` writes."""
    run, last = animation.run, animation[-1]
    when = f"epoch {last.epoch:g}" if last.epoch is not None else "the last snapshot"
    parts = [
        f"## {_plain(run.path.resolve().name)}",
        f"{counted(len(run.snapshots), 'snapshot')} up to {when}, {_size(animation)}.",
    ]
    if run.log is not None and run.log.metrics:
        parts += [_table(run.log), _chart(run.log, tuple(last.metrics) or run.log.metrics[:1])]
    parts.append(f"![Curve and network at {when}]({_picture(animation)})")
    parts += [f"> {_plain(note)}" for note in animation.notes]
    return "\n\n".join(part for part in parts if part) + "\n"


def _size(animation: Animation) -> str:
    if animation.shape:
        units = "channels or neurons" if any(layer.is_convolution for layer in animation.run.layers) else "neurons"
        return f"layers of {' → '.join(map(str, animation.shape))} {units}"
    return weight_tensors(len({key for row in animation.run.weight_rows for key in row.keys}))


def _table(log: Log) -> str:
    rows = ["| metric | first | lowest | highest | last |", "|---|--:|--:|--:|--:|"]
    for metric in log.metrics:
        values = log.table[metric].to_numpy(dtype=float)
        values = values[np.isfinite(values)]
        if len(values):
            told = (values[0], values.min(), values.max(), values[-1])
            rows.append(f"| {_plain(metric)} | " + " | ".join(map(unit_of(log, metric).text, told)) + " |")
    return "\n".join(rows)


def _chart(log: Log, metrics: tuple[str, ...]) -> str:
    """Draw the first of the metrics and what was measured alike; a Mermaid chart has one axis."""
    curves = [curve for curve in curves_of(log, metrics) if curve.axis == 0]
    x = np.concatenate([curve.x[np.isfinite(curve.y)] for curve in curves])
    if len(np.unique(x)) < 2:
        return ""
    places = np.linspace(x.min(), x.max(), CHART_POINTS)
    lines = ["```mermaid", "xychart-beta", f'    x-axis "{axis_of(log)}" {_number(x.min())} --> {_number(x.max())}']
    unit = " (%)" if curves[0].unit.sign else ""
    lines.append(f'    y-axis "{_quoted(", ".join(curve.metric for curve in curves))}{unit}"')
    for curve in curves:
        finite = np.isfinite(curve.y)
        if finite.any():
            values = np.interp(places, curve.x[finite], curve.y[finite])
            lines.append(f"    line [{', '.join(map(_number, values))}]")
    return "\n".join([*lines, "```"])


def _number(value: float) -> str:
    return np.format_float_positional(value, precision=5, fractional=False, trim="-")  # Mermaid knows no exponents


def _picture(animation: Animation) -> str:
    with _temporary_folder() as folder:
        path = folder / "last.png"
        animation.write_still(path, -1)
        with Image.open(path) as still:
            small = still.convert("RGB")
    small.thumbnail(PICTURE_PX)
    buffer = io.BytesIO()
    small.quantize(PICTURE_COLORS).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    try:
        made = tempfile.TemporaryDirectory(prefix="nnanim-", ignore_cleanup_errors=True)
    except OSError as error:
        raise OutputError(f"there is no place for temporary files: {error.strerror or error}") from error
    with made as folder:
        yield Path(folder)


def _plain(text: str) -> str:
    """Make a text from a file mean itself in Markdown."""
    return _ALIVE.sub(lambda part: part.group() + DEAD, _MARKDOWN.sub(r"\\\1", printable(" ".join(text.split()))))


def _quoted(text: str) -> str:
    """Make a text from a file mean itself between quotes in Mermaid, which looks for ``%%{…}%%`` in there too."""
    return printable(" ".join(text.replace('"', "'").split())).replace("`", "'").replace("%%", f"%{DEAD}%")
