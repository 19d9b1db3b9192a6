"""What an animated SVG shows at a time, read with the standard library alone."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

NAME = "{http://www.w3.org/2000/svg}"
_FRAMES = re.compile(r"@keyframes (\S+?)\{((?:[\d.]+%\{[^}]*\})+)\}")
_FRAME = re.compile(r"([\d.]+)%\{([^}]*)\}")
_RULE = re.compile(r"\.(\S+?)\{animation:(\S+) ([\d.]+)s step-end (infinite|1 forwards)\}")


class Svg:
    """A file and its key frames.

    Attributes:
        root: the document.
        sheet: the text of its style sheet.
        length_s: how long all frames are shown, 0 where nothing moves.
        often: ``"infinite"``, ``"1 forwards"``, or nothing where nothing moves.
    """

    def __init__(self, path: Path) -> None:
        self.root = ET.parse(path).getroot()
        (sheet,) = self.root.iter(f"{NAME}style")
        self.sheet = sheet.text or ""
        self._frames = {
            name: [
                (float(share), dict(each.split(":") for each in rules.split(";")))
                for share, rules in _FRAME.findall(body)
            ]
            for name, body in _FRAMES.findall(self.sheet)
        }
        rules = _RULE.findall(self.sheet)
        assert {name for name, *_ in rules} == {used for _, used, *_ in rules} == set(self._frames)
        lengths = {(float(length), often) for _, _, length, often in rules}
        assert len(lengths) <= 1
        self.length_s, self.often = lengths.pop() if lengths else (0.0, "")

    @property
    def moving(self) -> list[ET.Element]:
        """The elements that move."""
        return [element for element in self.root.iter() if element.get("class") in self._frames]

    def starts_s(self, element: ET.Element) -> list[float]:
        """Return when an element changes."""
        return [share / 100 * self.length_s for share, _ in self._frames[element.attrib["class"]]]

    def at(self, element: ET.Element, time_s: float) -> dict[str, str]:
        """Return the attributes of an element at a time, without the units of lengths."""
        found = dict(element.attrib)
        for share, values in self._frames.get(element.get("class", ""), []):
            if share / 100 * self.length_s <= time_s:
                found |= {name: value.removesuffix("px") for name, value in values.items()}
        return found

    def glyphs(self, element: ET.Element) -> list[tuple[str, int, float]]:
        """Return the letters inside of an element: their outlines, and where they are, y down in units."""
        outlines = {f"#{each.attrib['id']}": each.attrib["d"] for each in self.root.find(f"{NAME}defs") or []}
        return [
            (outlines[use.attrib["href"]], int(use.attrib["x"]), float(use.get("y", "0")))
            for use in element.iter(f"{NAME}use")
        ]
