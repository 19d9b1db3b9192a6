"""Damage result folders and see that nothing comes out but an `NnanimError`: ``make fuzz``, and a short run as a test.

Seeds are the folders of ``tests/fixtures`` and Chainer snapshots. A mutation changes one file: bytes are flipped, cut
out, doubled, overwritten by numbers that programs trip over, or the file is cut short. Its number alone makes it again.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

from nnanim import NnanimError, open_run
from nnanim.frames.curves import last_values

FIXTURES = Path(__file__).resolve().parent / "fixtures"
CHAINER = FIXTURES.parent.parent / "sample_results" / "effects" / "relu-0"
NASTY = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF]
LARGEST = 200_000  # bytes of a file that is mutated


def seeds() -> list[Path]:
    """Return the folders that are damaged."""
    return [*sorted(path for path in FIXTURES.iterdir() if path.is_dir()), CHAINER]


def mutate(content: bytes, dice: random.Random) -> bytes:
    """Change a few places of a file."""
    data = bytearray(content)
    for _ in range(dice.choice((1, 1, 1, 2, 4, 8))):
        if not data:
            return bytes(data)
        at = dice.randrange(len(data))
        match dice.randrange(6):
            case 0:
                data[at] ^= 1 << dice.randrange(8)
            case 1:
                del data[at : at + dice.choice((1, 4, 64))]
            case 2:
                data[at:at] = data[at : at + dice.choice((1, 8, 64))]
            case 3:
                size = dice.choice((1, 2, 4, 8))
                data[at : at + size] = (dice.choice(NASTY) & (256**size - 1)).to_bytes(
                    size, dice.choice(("little", "big"))
                )
            case 4:
                data[at : at + 4] = dice.randbytes(4)
            case 5:
                del data[at:]
    return bytes(data)


def read_all(folder: Path) -> None:
    """Do with a folder what the commands do before anything is drawn."""
    run = open_run(folder)
    list(run.listed_tensors())
    _ = run.weight_rows, run.connections, repr(run)
    last_values(run.log, run.rows[-1])
    for snapshot in run.snapshots[:2]:
        if run.layers:
            snapshot.read()
        with snapshot.open() as arrays:
            for header in run.tensors:
                with contextlib.suppress(KeyError):  # the damaged one has no such tensor
                    arrays.read(header.key)


@contextlib.contextmanager
def damaged(number: int) -> Iterator[tuple[Path, Path]]:
    """Give a folder with one damaged file, and the file."""
    dice = random.Random(number)
    seed = dice.choice(seeds())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / seed.name
        shutil.copytree(seed, folder)
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size <= LARGEST)
        file = dice.choice(files)
        file.write_bytes(mutate(file.read_bytes(), dice))
        yield folder, file


def attempt(number: int) -> str:
    """Return what came out of a mutation: ``""`` where nothing or an `NnanimError` did, else a traceback."""
    with damaged(number) as (folder, file), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read_all(folder)
        except NnanimError:
            return ""
        except BaseException:
            return f"{number}: {file.relative_to(folder.parent)}\n{traceback.format_exc()}"
    return ""


def main() -> int:
    """Try mutations for some minutes; keep and tell those that made something else than an `NnanimError`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--start", type=int, default=0, help="number of the first mutation")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-crashes"), help="folder for what was found")
    choices = parser.parse_args()
    end, number, found = time.monotonic() + 60 * choices.minutes, choices.start, 0
    while time.monotonic() < end:
        if told := attempt(number):
            found += 1
            print(told, flush=True)
            with damaged(number) as (folder, _):
                shutil.copytree(folder, choices.keep / f"{number}-{folder.name}", dirs_exist_ok=True)
        number += 1
    print(f"{number - choices.start} mutations, {found} that made something else than an NnanimError")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
