"""Measure `nnanim watch`: `python benchmarks/watching.py [--large] [--long]`, figures on standard output.

The first picture after the second snapshot, what one more snapshot costs, ten browsers at once, and a run of 10 000
snapshots. Figures in `benchmarks/WATCHING.md`.
"""

from __future__ import annotations

import argparse
import http.client
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from nnanim.options import Options, Reading
from nnanim.watching.following import Follower
from nnanim.watching.serving import Board, Server

SHAPE = (4, 5, 5, 5, 3)
LARGE = (3000, 3000, 750)  # 45 MB of float32
BROWSERS = 10
ENOUGH = 40
LONG = 10_000
FEW = 3


def snapshot(folder: Path, epoch: int, shape: tuple[int, ...] = SHAPE, *, jumps: bool = False) -> None:
    """Write weights that move towards others, as in a training; a unit of each layer may jump besides."""
    random = np.random.default_rng(0)
    gone = np.float32(1 - 0.99**epoch)
    arrays = {}
    for number, (size_in, size_out) in enumerate(pairwise(shape), start=1):
        first, aim = random.normal(size=(2, size_out, size_in)).astype(np.float32)
        arrays[f"l{number}/W"] = first + gone * (aim - first)
        if jumps:
            arrays[f"l{number}/W"][37 * epoch % size_out] *= 30 + epoch
        arrays[f"l{number}/b"] = gone * random.normal(size=size_out).astype(np.float32)
    arrays["epoch"] = np.asarray(epoch)
    target = folder / f"net_epoch_{epoch:05}.npz"
    with target.with_suffix(".part").open("wb") as file:
        np.savez(file, **arrays)
    target.with_suffix(".part").rename(target)


def first_picture() -> float:
    """Return the seconds from the second snapshot to a page that shows both, the program started before."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "nnanim", "watch", place, "--port", str(port)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as program:
            try:
                while not _page(port):
                    time.sleep(0.05)
                snapshot(folder, 1)
                time.sleep(3.0)
                begun = time.perf_counter()
                snapshot(folder, 2)
                while b"epoch 2" not in _page(port):
                    time.sleep(0.02)
                return time.perf_counter() - begun
            finally:
                program.terminate()


def _page(port: int) -> bytes:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/")
        return connection.getresponse().read()
    except OSError:
        return b""


def one_more(
    shape: tuple[int, ...], before: int, count: int, *, jumps: bool = False
) -> tuple[list[float], list[float]]:
    """Return the CPU of a look and a page for each of some more snapshots, and of reading one, in milliseconds.

    With jumps, other units become the strongest in each of them.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for epoch in range(1, before + 1):
            snapshot(folder, epoch, shape)
        follower, board = Follower(folder=folder, reading=Reading(), options=Options()), Board("run", Options())
        _take(follower, board)
        costs, readings = [], []
        for epoch in range(before + 1, before + count + 1):
            snapshot(folder, epoch, shape, jumps=jumps)
            begun = time.process_time()
            _take(follower, board)
            costs.append(1000 * (time.process_time() - begun))
            begun = time.process_time()
            with np.load(folder / f"net_epoch_{epoch:05}.npz") as arrays:
                _ = [np.abs(arrays[key]).max() for key in arrays]
            readings.append(1000 * (time.process_time() - begun))
        return costs, readings


def _take(follower: Follower, board: Board) -> None:
    look = follower.look()
    assert look.animation is not None, follower.trouble
    board.show(look.animation, is_new_run=look.is_new_run)


def many_browsers() -> tuple[float, float]:
    """Return how many milliseconds pass until all browsers have a new snapshot, and the longest answer of the page."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for epoch in range(1, ENOUGH + 1):
            snapshot(folder, epoch)
        follower, board = Follower(folder=folder, reading=Reading(), options=Options()), Board("run", Options())
        _take(follower, board)
        with Server(board, None, 0) as server:
            port = server.access.port
            told = threading.Barrier(BROWSERS + 1)
            threads = [threading.Thread(target=_listen, args=(port, told), daemon=True) for _ in range(BROWSERS)]
            for thread in threads:
                thread.start()
            told.wait(30)
            snapshot(folder, ENOUGH + 1)
            _take(follower, board)
            begun = time.perf_counter()
            told.wait(30)
            arrived = time.perf_counter() - begun
            answers = []
            for _ in range(20):
                begun = time.perf_counter()
                _page(port)
                answers.append(time.perf_counter() - begun)
        return 1000 * arrived, 1000 * max(answers)


def _listen(port: int, told: threading.Barrier) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/stream?have=1")
    answer = connection.getresponse()
    told.wait(30)
    while not answer.readline().startswith(b"data:"):
        pass
    told.wait(30)


def long_run() -> dict[str, float]:
    """Follow a run until it has 10 000 snapshots: memory half-way and at the end, and what the page takes then."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for epoch in range(1, LONG // 2 + 1):
            snapshot(folder, epoch)
        follower, board = Follower(folder=folder, reading=Reading(), options=Options()), Board("run", Options())
        _take(follower, board)
        half_mb = _peak_mb()
        for epoch in range(LONG // 2 + 1, LONG + 1):
            snapshot(folder, epoch)
            if epoch > LONG - FEW or epoch % 1000 == 0:
                begun = time.process_time()
                _take(follower, board)
                cost = time.process_time() - begun
        with Server(board, None, 0) as server:
            answers = []
            for _ in range(20):
                begun = time.perf_counter()
                size = len(_page(server.access.port))
                answers.append(time.perf_counter() - begun)
        return {
            "peak MB at 5 000": half_mb,
            "peak MB at 10 000": _peak_mb(),
            "page KB": size / 1000,
            "longest answer ms": 1000 * max(answers),
            "CPU of the last ms": 1000 * cost,
        }


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _median(values: list[float]) -> str:
    return f"median {np.median(values):.0f} ms, longest {max(values):.0f} ms"


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="also snapshots of 45 MB")
    parser.add_argument("--long", action="store_true", help="also 10 000 snapshots (minutes)")
    asked = parser.parse_args()
    print(f"first picture after the second snapshot: {first_picture():.2f} s")
    for before in (50, 500):
        print(f"CPU of one more after {before}: {_median(one_more(SHAPE, before, 20)[0])}")
    arrived, answer = many_browsers()
    print(f"{BROWSERS} browsers: all told in {arrived:.0f} ms, longest answer of the page {answer:.0f} ms")
    if asked.large:
        for before, jumps in ((3, False), (15, False), (15, True)):
            costs, readings = one_more(LARGE, before, 5, jumps=jumps)
            told = ", other units are the strongest" if jumps else ""
            print(
                f"CPU of one more of 45 MB after {before}{told}: {_median(costs)}; of reading it: {_median(readings)}"
            )
    if asked.long:
        for name, value in long_run().items():
            print(f"{name}: {value:.0f}")


if __name__ == "__main__":
    main()
