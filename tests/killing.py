"""End commands by signals at random moments and see what is left: ``make kills``, and a short run as a test.

Each kill writes over an older output, of every format in turn, with one process or two. Afterwards the output must be
the older one or the new one, whole; no process may be left; and nothing else may lie there or among the temporary
files, but after SIGKILL, whose litter the next command clears once it is a day old. Moments come from a seed. Needs
/proc, so Linux.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from unittest import mock

from folders import result_folder
from processes import processes_with

from nnanim.encoders import places

SMALL = ["--figsize", "3,2", "--tween", "3"]
RENDERED = ["a.gif", "a.webp", "a.apng", "a.mp4", "a.webm", "a.html", "a.svg", "frames/"]
DRAWN = ["a.svg", "a.pdf", "a.png"]
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL]
SEED = 7
END_S = 60  # for processes to be gone; none of them is meant to take as long


@dataclass(frozen=True)
class Case:
    """A command, the outputs that it writes over, and a way to write them before with other contents."""

    name: str
    command: list[str]
    outputs: list[str]

    def line(self, place: Path, *more: str) -> list[str]:
        """Return the command with the outputs in a folder."""
        return [sys.executable, "-m", "nnanim", *self.command, *more, *_outputs(self.outputs, place)]


def _outputs(names: list[str], place: Path) -> Iterator[str]:
    for name in names:
        yield from ("--summary" if name.endswith(".md") else "-o", f"{place}/{name}")


def cases(result: Path, *, videos: bool) -> list[Case]:
    """Return a case for each format, and two of several outputs at once."""
    render = ["render", str(result), *SMALL]
    found = [Case(f"render {name}", render, [name]) for name in RENDERED if videos or name not in ("a.mp4", "a.webm")]
    found += [Case(f"draw {name}", ["draw", str(result)], [name]) for name in DRAWN]
    found += [Case("two processes", [*render, "-j", "2"], ["a.gif", "frames/"])]
    return [*found, Case("summary", render, ["a.gif", "a.md"])]


@dataclass
class Figures:
    """What was seen.

    Attributes:
        kills: by signal.
        ends: how often the older output stayed, and how often the new one was there already.
        exits: exit codes by signal.
        litter: files that SIGKILL left.
        late: signals that came when the command had ended; each is followed by another one.
        wrong: sentences about what must not be.
    """

    kills: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    exits: Counter[str] = field(default_factory=Counter)
    litter: int = 0
    late: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, name: str, code: int, end: str, litter: int) -> None:
        """Count one kill."""
        self.kills[name] += 1
        self.exits[f"{name}: {code}"] += 1
        self.ends[end] += 1
        self.litter += litter


def content(path: Path) -> object:
    """Return all that a file or folder holds, None where there is none."""
    if path.is_dir():
        return {inner.name: inner.read_bytes() for inner in path.iterdir()}
    return path.read_bytes() if path.exists() else None


@contextmanager
def prepared(work: Path, case: Case) -> Iterator[tuple[Path, dict[str, object], dict[str, object], float]]:
    """Give a folder with older outputs, these, the new ones, and how long writing them takes in seconds."""
    older, newer = work / "older", work / "newer"
    for place in (older, newer):
        place.mkdir(parents=True)
    other = ["--epoch", "1"] if case.command[0] == "draw" else ["--theme", "dark"]
    subprocess.run(case.line(older, *other), check=True, capture_output=True)
    begin = time.monotonic()
    subprocess.run(case.line(newer), check=True, capture_output=True)
    lasted_s = time.monotonic() - begin
    try:
        yield older, *({name: content(place / name) for name in case.outputs} for place in (older, newer)), lasted_s
    finally:
        shutil.rmtree(work)


def kill(case: Case, place: Path, temporary: Path, signum: int, after_s: float, *, all_of_them: bool) -> int | None:
    """Run a command, send it a signal, and wait until none of its processes is left.

    Returns:
        Its exit code, or None where it had ended before.

    Raises:
        TimeoutError: one is left.
    """
    mark = f"nnanim-kill-{os.getpid()}-{time.monotonic_ns()}"
    environment = {**os.environ, "NNANIM_TEST": mark, "TMPDIR": str(temporary)}
    deadline = time.monotonic() + END_S
    with subprocess.Popen(
        case.line(place), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        time.sleep(after_s)
        is_late = process.poll() is not None
        if all_of_them and not is_late:
            os.killpg(process.pid, signum)
        else:
            process.send_signal(signum)
        while process.poll() is None or processes_with(mark):
            if time.monotonic() > deadline:
                left = processes_with(mark)
                for number in left:
                    os.kill(number, signal.SIGKILL)
                raise TimeoutError(f"{len(left)} processes are left")
            time.sleep(0.02)
        return None if is_late else int(process.returncode)


def check(
    case: Case, place: Path, temporary: Path, before: dict[str, object], after: dict[str, object], signum: int
) -> tuple[list[str], str, int]:
    """Return what is wrong after a kill, what became of the outputs, and how many files were left."""
    wrong = []
    ends = set()
    for name in case.outputs:
        now = content(place / name)
        ends.add("older" if now == before[name] else "new" if now == after[name] else "broken")
        if now not in (before[name], after[name]):
            wrong.append(f"{name} is neither the older nor the new one")
    names = {name.rstrip("/") for name in case.outputs}
    left = [path for path in place.iterdir() if path.name not in names]
    if signum != signal.SIGKILL:
        wrong += [f"{path.name} was left" for path in [*left, *temporary.iterdir()]]
    elif left:
        places.clear_litter(place)
        wrong += ["litter of today was cleared"] if any(not path.exists() for path in left) else []
        with mock.patch.object(places.time, "time", return_value=2e12):
            places.clear_litter(place)
        wrong += [f"{path.name} was not cleared" for path in left if path.exists()]
    return wrong, "+".join(sorted(ends)), len(left)


def run(kills: int, seed: int, *, tell: Callable[[str], None] = lambda _: None) -> Figures:
    """Kill so many commands, every format and signal in turn."""
    for signum in SIGNALS[:-1]:
        if signal.getsignal(signum) == signal.SIG_IGN:  # as behind nohup, which the commands would take over
            signal.signal(signum, signal.SIG_DFL)
    dice = random.Random(seed)
    figures = Figures()
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        result = result_folder(work / "result", epochs=range(1, 6))
        chosen = cases(result, videos=_has_videos())
        chosen = dice.sample(chosen, min(kills, len(chosen)))
        for at, case in enumerate(chosen):
            count = kills // len(chosen) + (at < kills % len(chosen))
            _run_case(case, count, work, dice, figures)
            tell(f"{case.name}: {count} kills, {len(figures.wrong)} wrong so far")
    return figures


def _run_case(case: Case, count: int, work: Path, dice: random.Random, figures: Figures) -> None:
    with prepared(work / "outputs", case) as (older, before, after, lasted_s):
        done = 0
        while done < count:
            signum = SIGNALS[sum(figures.kills.values()) % len(SIGNALS)]
            place, temporary = work / "place", work / "temporary"
            shutil.copytree(older, place)
            temporary.mkdir()
            moment_s, all_of_them = dice.uniform(0.05, 1.05) * lasted_s, dice.random() < 0.5
            told = f"{case.name}, {signal.Signals(signum).name} after {moment_s:.2f} of {lasted_s:.2f} s"
            try:
                code = kill(case, place, temporary, signum, moment_s, all_of_them=all_of_them)
                wrong, end, litter = check(case, place, temporary, before, after, signum)
                wrong += [f"exit code {code}"] if code not in (None, 0, 128 + signum, -signum) else []
            except TimeoutError as error:
                wrong, end, litter, code = [str(error)], "hung", 0, 0
            figures.wrong += [f"{told}: {each}" for each in wrong]
            if code is None:
                figures.late += 1
                lasted_s *= 0.9  # it was measured while the machine had more to do
            else:
                done += 1
                figures.add(signal.Signals(signum).name, code, end, litter)
            shutil.rmtree(place)
            shutil.rmtree(temporary)


def _has_videos() -> bool:
    try:
        import av  # noqa: F401
    except ImportError:
        return False
    return True


def main() -> int:
    """Kill, and tell the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=SEED)
    choices = parser.parse_args()
    figures = run(choices.kills, choices.seed, tell=partial(print, flush=True))
    print("kills:     ", dict(figures.kills))
    print("exit codes:", dict(sorted(figures.exits.items())))
    print("outputs:   ", dict(figures.ends))
    print(f"late:       {figures.late} signals to commands that had ended, which are not counted as kills")
    print(f"litter:     {figures.litter} files or folders after SIGKILL, all cleared when they are a day old")
    print(f"wrong:      {len(figures.wrong)}", *figures.wrong, sep="\n")
    return int(bool(figures.wrong))


if __name__ == "__main__":
    sys.exit(main())
