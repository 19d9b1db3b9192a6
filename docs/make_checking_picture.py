"""Draw a run in which a unit dies, with what `nnanim check` says of it: docs/gallery/checking.png.

Usage: python docs/make_checking_picture.py
"""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np

import nnanim
from nnanim.checking.check import check

PICTURE = Path(__file__).with_name("gallery") / "checking.png"
SHAPE = (4, 5, 3)
SNAPSHOTS, DEAD_FROM, DEAD = 40, 15, 2  # which unit of l1, and since which epoch nothing reaches it


def write_run(folder: Path) -> None:
    """Write a training in which one unit of the first layer gets no gradient any more."""
    random = np.random.default_rng(4)
    arrays = {}
    for number, (size_in, size_out) in enumerate(pairwise(SHAPE), start=1):
        arrays[f"l{number}/W"] = random.normal(size=(size_out, size_in)).astype(np.float32)
        arrays[f"l{number}/b"] = np.zeros(size_out, np.float32)
    for epoch in range(1, SNAPSHOTS + 1):
        for key, values in arrays.items():
            step = (0.3 / epoch * random.normal(size=values.shape)).astype(np.float32)
            if key.startswith("l1") and epoch > DEAD_FROM:
                step[DEAD] = 0
            values += step
        np.savez(folder / f"net_epoch_{epoch:03}.npz", **arrays)


def main() -> None:
    """Check the run and draw its end."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "result"
        folder.mkdir()
        write_run(folder)
        run = nnanim.open_run(folder)
        (found,) = check(run).findings
        title = f"nnanim check: {found.says}"
        # From that epoch on: the row of the unit alone has no colour.
        animation = nnanim.Animation(run, view="matrix", start=DEAD_FROM, ending="change", title=title, figsize=(9, 4))
        animation.write_still(PICTURE, len(animation) - 1)


if __name__ == "__main__":
    main()
