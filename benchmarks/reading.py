"""Time how long a run takes to be read and how long to be drawn, in one process: ``reading.py RESULT WARM_UP OUTPUT``.

A small run is drawn first, so that neither pays for imports. Choosing the edges and laying them out is reading.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from nnanim import Animation, open_run


def main(result: Path, warm_up: Path, output: Path) -> None:
    Animation(open_run(warm_up)).write(output)
    begun = time.perf_counter()
    animation = Animation(open_run(result), fps=10, ending="ink")  # a frame for each snapshot
    read = time.perf_counter()
    for _ in animation.paint(animation):
        pass
    painted = time.perf_counter()
    print(json.dumps({"reading_s": read - begun, "drawing_s": painted - read}))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
