"""What moves in an animated SVG: values from frame to frame as key frames of a style sheet.

Nothing is blended: each value holds until the next one (``step-end``). A property that does not change with a frame is
not named there. The format: https://www.w3.org/TR/css-animations-1/.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

from nnanim.painting.svg_brush import number

CENTISECONDS = 100  # per second
DIGITS = 5  # of a percentage: 0.1 ms in a quarter of an hour
LENGTHS = ("cx", "cy", "r", "x", "y", "width", "height")  # have a unit in a style sheet
PREFIX = "\0"  # of all names in the file, until the name of the file itself is known
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"

Values = Mapping[str, Sequence[str | None]]
"""For each property its value in each frame, None where it does not matter."""


class Motion:
    """The key frames of a file, each written once."""

    def __init__(self, durations_s: Sequence[float], *, loop: bool) -> None:
        """Begin with none.

        Args:
            durations_s: how long each frame is shown.
            loop: whether they are shown again and again.
        """
        ends = list(accumulate(round(CENTISECONDS * each) for each in durations_s))
        self._starts = [f"{number(100 * start / ends[-1], DIGITS)}%" for start in [0, *ends[:-1]]]
        self._timing = f"{number(ends[-1] / CENTISECONDS)}s step-end {'infinite' if loop else '1 forwards'}"
        self._names: dict[str, str] = {}

    def class_of(self, values: Values) -> str:
        """Return the class of an element that changes so; none where nothing changes."""
        steps: dict[int, list[str]] = {}
        for name, each in values.items():
            changes = _changes(each)
            if len(changes) > 1:
                for place, value in changes:
                    steps.setdefault(place, []).append(f"{name}:{value}{'px' if name in LENGTHS else ''}")
        if not steps:
            return ""
        frames = "".join(f"{self._starts[place]}{{{';'.join(steps[place])}}}" for place in sorted(steps))
        return self._names.setdefault(frames, PREFIX + _short(len(self._names)))

    def style_sheet(self) -> str:
        """Return the rules of all classes, which a reader who wants no motion does not get."""
        if not self._names:
            return ""
        rules = "".join(
            f"@keyframes {name}{{{frames}}}\n.{name}{{animation:{name} {self._timing}}}\n"
            for frames, name in self._names.items()
        )
        return f"@media (prefers-reduced-motion:no-preference){{\n{rules}}}\n"


def _changes(values: Sequence[str | None]) -> list[tuple[int, str]]:
    """Return frames and values where there is another one than before, the first at the first frame."""
    changes: list[tuple[int, str]] = []
    for place, value in enumerate(values):
        if value is not None and (not changes or value != changes[-1][1]):
            changes.append((place if changes else 0, value))
    return changes


def _short(index: int) -> str:
    text = _DIGITS[index % 36]
    while index := index // 36:
        text = _DIGITS[index % 36] + text
    return text
