"""What moves in an animated SVG: values from frame to frame as key frames of a style sheet.

Nothing is blended: each value holds until the next one (``step-end``). A property that does not change with a frame is
not named there, and a line that grows by a hundredth of a pixel waits until that is worth a key frame: what is shown is
compared with the true value, never with what was true before, so errors do not add up. The format: https://www.w3.org/TR/css-animations-1/.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

from nnanim.painting.svg_brush import number

CENTISECONDS = 100  # per second
LEAST_DIGITS = 3  # of a percentage
NEAR_PX = 0.06  # widths of lines
NEAR_COLOR = 4  # of 255 in each channel
LENGTHS = ("cx", "cy", "r", "x", "y", "width", "height")  # have a unit in a style sheet
PREFIX = "\0"  # of all names in the file, until the name of the file itself is known
PLAYS, STILL = f"{PREFIX}plays", f"{PREFIX}still"  # classes of what is seen only where something moves, and elsewhere
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
        digits = max(LEAST_DIGITS, len(str(ends[-1])))  # which leaves a twentieth of a millisecond
        self._starts = [f"{number(100 * start / ends[-1], digits)}%" for start in [0, *ends[:-1]]]
        self._timing = f"{number(ends[-1] / CENTISECONDS)}s step-end {'infinite' if loop else '1 forwards'}"
        self._names: dict[str, str] = {}

    def class_of(self, values: Values) -> str:
        """Return the class of an element that changes so; none where nothing changes."""
        steps: dict[int, list[str]] = {}
        for name, each in values.items():
            changes = _changes(each, name)
            if len(changes) > 1:
                for place, value in changes:
                    steps.setdefault(place, []).append(f"{name}:{value}{'px' if name in LENGTHS else ''}")
        if not steps:
            return ""
        frames = "".join(f"{self._starts[place]}{{{';'.join(steps[place])}}}" for place in sorted(steps))
        return self._names.setdefault(frames, PREFIX + _short(len(self._names)))

    def style_sheet(self, *, always: bool = False) -> str:
        """Return the rules of all classes, which paper and a reader who wants no motion do not get.

        Args:
            always: whether they do, since a script moves what moves.
        """
        if not self._names:
            return ""
        rules = f".{PLAYS}{{visibility:visible}}\n.{STILL}{{visibility:hidden}}\n"
        rules += "".join(
            f"@keyframes {name}{{{frames}}}\n.{name}{{animation:{name} {self._timing}}}\n"
            for frames, name in self._names.items()
        )
        if always:
            return rules
        return f"@media screen and (prefers-reduced-motion:no-preference){{\n{rules}}}\n"


def _changes(values: Sequence[str | None], name: str) -> list[tuple[int, str]]:
    """Return frames and values where there is another one than is shown, the first at the first frame."""
    changes: list[tuple[int, str]] = []
    for place, value in enumerate(values):
        if value is not None and (not changes or not _is_near(value, changes[-1][1], name)):
            changes.append((place if changes else 0, value))
    return changes


def _is_near(value: str, shown: str, name: str) -> bool:
    if value == shown:
        return True
    if name == "stroke-width":
        return abs(float(value) - float(shown)) <= NEAR_PX
    if value[0] == shown[0] == "#":
        channels = zip(bytes.fromhex(value[1:]), bytes.fromhex(shown[1:]), strict=True)
        return all(abs(one - other) <= NEAR_COLOR for one, other in channels)
    return False


def _short(index: int) -> str:
    text = _DIGITS[index % 36]
    while index := index // 36:
        text = _DIGITS[index % 36] + text
    return text
