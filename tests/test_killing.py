"""A short run of ``make kills``: commands that are ended by signals harm no older output."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from killing import Case, check, kill, run

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
KILLS = 10


def test_nothing_is_harmed_or_left() -> None:
    figures = run(KILLS, seed=1)
    assert figures.wrong == []
    assert sum(figures.kills.values()) == KILLS
    assert len(figures.kills) == 4
    assert figures.ends["older"]  # most moments are before the end


class Harmful(Case):
    """A program that writes over its output piece by piece."""

    def line(self, place: Path, *_more: str) -> list[str]:
        program = f"import time; p = {str(place / 'a.gif')!r}; open(p, 'wb').write(b'half'); time.sleep(60)"
        return [sys.executable, "-c", program]


def test_harm_and_litter_are_seen(tmp_path: Path) -> None:
    place, temporary = tmp_path / "place", tmp_path / "temporary"
    place.mkdir()
    temporary.mkdir()
    (place / "a.gif").write_bytes(b"older")
    (place / ".nnanim-0123abcd.tmp").write_bytes(b"")
    (temporary / "nnanim-x").mkdir()
    case = Harmful("harmful", [], ["a.gif"])
    assert kill(case, place, temporary, 15, 1.0, all_of_them=False) == -15
    wrong, end, litter = check(case, place, temporary, {"a.gif": b"older"}, {"a.gif": b"new"}, 15)
    assert end == "broken"
    assert litter == 1
    assert wrong == [
        "a.gif is neither the older nor the new one", ".nnanim-0123abcd.tmp was left", "nnanim-x was left",
    ]  # fmt: skip
