"""The article's time, for tests about something else: each snapshot is one frame, of 0.1 s, and the last 2 s in ink."""

from __future__ import annotations

from typing import Any

ONE_FRAME_EACH: dict[str, Any] = {"fps": 10.0, "hold_s": 2.0, "ending": "ink"}
ONE_FRAME_EACH_ARGUMENTS = ("--fps", "10", "--hold", "2", "--ending", "ink")
