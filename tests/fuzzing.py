"""Damage result folders and see that nothing comes out but an `NnanimError`: ``make fuzz``, and a short run as a test.

Seeds are the folders of ``tests/fixtures`` and small ones of every other format that is read. A mutation damages one
file (see `damages`) or its name. Its number alone makes it again. All is read and listed; every `COMMANDS_EVERY`th
mutation goes through the commands, every `PIECES_EVERY`th through the views. What was found is kept, with the file cut
down to what still shows it.

Where Google's ``atheris`` is installed, the last quarter of the time is led by what new code an input reaches.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import functools
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from archives import PROTO, STOP, call, name, network, plain
from click.testing import CliRunner
from damages import damage, pack, unpack
from folders import result_folder
from hdf5_bytes import write_hdf5

from nnanim import NnanimError, open_run
from nnanim.cli import main as command_line
from nnanim.frames.curves import last_values
from nnanim.frames.rows import read_rows
from nnanim.frames.streamed_weights import read_streamed
from nnanim.options import Options
from nnanim.panels.matrix import read_matrices
from nnanim.reading.connections import CONNECTIONS_NAME, Connections

FIXTURES = Path(__file__).resolve().parent / "fixtures"
CHAINER = FIXTURES.parent.parent / "sample_results" / "effects" / "relu-0"
LARGEST = 200_000  # bytes of a file that is damaged
COMMANDS_EVERY = 50
PIECES_EVERY = 7
COMMANDS = (
    ["inspect", "{folder}"],
    ["inspect", "{folder}", "--json"],
    ["check", "{folder}"],
    ["compare", "{folder}", "{folder}", "--by-layer", "--difference"],
    ["draw", "{folder}", "-o", "{out}/a.svg"],
    ["render", "{folder}", "--figsize", "3,2", "--max-frames", "3", "-o", "{out}/a.html", "--summary", "{out}/a.md"],
)
LED = Path(__file__).resolve().with_name("led_by_coverage.py")
REDUCE_S = 60  # for one that was found
LEGACY_MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
NAMES = ["model_1.npz", "log", "\x1b]0;x\x07.npz", "\udcff_1.pt", "epoch=9", "a\nb.csv", "1.safetensors", "x" * 250]


@functools.cache
def seeds() -> list[Path]:
    """Return the folders that are damaged."""
    return [*sorted(path for path in FIXTURES.iterdir() if path.is_dir()), CHAINER, *_made()]


def _made() -> list[Path]:
    """Make small folders of the formats that have no fixture."""
    place = Path(tempfile.mkdtemp(prefix="seeds-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    for form, make in MAKERS.items():
        (place / form).mkdir()
        make(place / form)
    for path in sorted(place.rglob("*")):
        if path.is_file() and path.read_bytes()[:4] == b"PK\x03\x04":
            path.write_bytes(pack(unpack(path.read_bytes())))  # without the time of today
    return sorted(place.iterdir())


def _arrays(seed: int) -> dict[str, np.ndarray]:
    dice = np.random.default_rng(seed)
    return {"W1": dice.normal(size=(5, 4)).astype("f4"), "b1": np.zeros(5, "f4"), "W2": np.ones((3, 5), "f8")}


def _numpy(folder: Path) -> None:
    for epoch in (1, 2):
        np.savez(folder / f"weights_{epoch}.npz", **_arrays(epoch))


def _single(folder: Path) -> None:
    for epoch in (1, 2):
        for key, array in _arrays(epoch).items():
            np.save(folder / f"{key}_epoch{epoch}.npy", array)


def _recorded(folder: Path) -> None:
    for epoch in (1, 2):
        np.savez(folder / f"snapshot_{epoch}.npz", nnanim_recorder=np.array(1), epoch=np.array(epoch), **_arrays(epoch))
    (folder / CONNECTIONS_NAME).write_text(Connections((("W1", "+"), ("+", "W2")), {"+": "sum"}).as_json())
    (folder / "log.jsonl").write_text("".join(json.dumps({"epoch": n, "loss": 1 / n}) + "\n" for n in (1, 2)))


def _trainer(folder: Path) -> None:
    result_folder(folder)


def _legacy(folder: Path) -> None:
    kept = plain(("storage", name("torch", "FloatStorage"), "93", "cpu", 20, None)) + b"Q"
    weight = call(name("torch._utils", "_rebuild_tensor_v2"), kept, 0, (5, 4), (4, 1), False, {})
    data = LEGACY_MAGIC
    for value in (1001, {"little_endian": True}, {"epoch": 4, "state_dict": {"a.weight": weight}}, ["93"]):
        data += PROTO + plain(value) + STOP
    (folder / "net_4.pth").write_bytes(data + struct.pack("<q", 20) + np.arange(20, dtype="<f4").tobytes())


def _sharded(folder: Path) -> None:
    network(folder / "pytorch_model-00001-of-00001.bin")
    files = {f"fc{layer}.{what}": "pytorch_model-00001-of-00001.bin" for layer in (1, 2) for what in ("weight", "bias")}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": files}))


def _chainer_hdf5(folder: Path) -> None:
    arrays = _arrays(0)
    write_hdf5(folder / "model_1.h5", {"l1": {"W": arrays["W1"], "b": arrays["b1"]}, "l2": {"W": arrays["W1"].T}})


def _mlflow(folder: Path) -> None:
    network(folder / "model_3.pt")
    metrics = folder / "mlruns" / "0" / "abc" / "metrics"
    metrics.mkdir(parents=True)
    (metrics / "acc").write_text("1700000000000 0.5 3\n1700000000001 0.75 6\n")


MAKERS: dict[str, Callable[[Path], None]] = {
    "made-numpy": _numpy,
    "made-npy": _single,
    "made-recorded": _recorded,
    "made-trainer": _trainer,
    "made-legacy": _legacy,
    "made-sharded-bin": _sharded,
    "made-chainer-hdf5": _chainer_hdf5,
    "made-mlflow": _mlflow,
}


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


def read_in_pieces(folder: Path) -> None:
    """Do what the views do, as for weights that are too large to be read whole."""
    run = open_run(folder)
    snapshots, options = run.snapshots[:2], Options(max_nodes=3, view="matrix")
    ways: list[Callable[[], object]] = [
        lambda: read_rows(snapshots, options, rows=run.weight_rows),
        lambda: read_matrices(run, snapshots, options),
    ]
    if run.layers and all(snapshot.has_rows for snapshot in snapshots):
        ways.append(lambda: read_streamed(snapshots, options, None, None))
    for read in ways:
        with contextlib.suppress(NnanimError):  # the others are tried all the same
            read()


def command(folder: Path, number: int) -> None:
    """Run one of the commands; what it raises is raised here, and what it prints must do nothing to a terminal."""
    with tempfile.TemporaryDirectory() as out:
        arguments = [text.format(folder=folder, out=out) for text in COMMANDS[number % len(COMMANDS)]]
        found = CliRunner().invoke(command_line, arguments)
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        assert found.output.replace("\n", "").isprintable(), found.output
        assert found.exit_code in (0, 1, 2, 3), found.exit_code


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size <= LARGEST)


@contextlib.contextmanager
def damaged(number: int) -> Iterator[tuple[Path, Path]]:
    """Give a folder with one damaged file, and the file."""
    dice = random.Random(number)
    seed = dice.choice(seeds())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / seed.name
        shutil.copytree(seed, folder)
        file = dice.choice(files_of(folder))
        if dice.randrange(30) == 0:
            with contextlib.suppress(OSError):  # a disk may not take such names
                file = file.rename(file.with_name(os.fsdecode(os.fsencode(dice.choice(NAMES)))))
        else:
            file.write_bytes(damage(file.read_bytes(), dice))
        yield folder, file


def told_of(folder: Path, number: int) -> tuple[str, str]:
    """Return what is the same each time that a fault is met, and its traceback; both empty where all is well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if number % COMMANDS_EVERY == 0:
                command(folder, number // COMMANDS_EVERY)
            elif number % PIECES_EVERY == 0:
                read_in_pieces(folder)
            else:
                read_all(folder)
        except NnanimError:
            return "", ""
        except BaseException as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            return f"{type(error).__name__} at {last.filename}:{last.lineno}", traceback.format_exc()
    return "", ""


def attempt(number: int) -> str:
    """Return what came out of a mutation: ``""`` where nothing or an `NnanimError` did, else a traceback."""
    with damaged(number) as (folder, file):
        _, text = told_of(folder, number)
        return text and f"{number}: {file.relative_to(folder.parent)}\n{text}"


def keep(number: int, place: Path) -> Path:
    """Keep the folder of a mutation, with its damaged file made as short as still shows the same fault."""
    kept = place / f"{number}"
    shutil.rmtree(kept, ignore_errors=True)
    with damaged(number) as (folder, file):
        mark, text = told_of(folder, number)
        whole = file.read_bytes()

        def is_shown(content: bytes) -> bool:
            file.write_bytes(content)
            return told_of(folder, number)[0] == mark

        file.write_bytes(reduced(whole, is_shown))
        shutil.copytree(folder, kept / folder.name)
        (kept / "traceback.txt").write_text(text, encoding="utf-8", errors="backslashreplace")
        (kept / "before-it-was-shortened").write_bytes(whole)
    return kept


def reduced(content: bytes, is_shown: Callable[[bytes], bool]) -> bytes:
    """Cut pieces out of a file for as long as it still shows a fault, first large ones, then small ones."""
    end = time.monotonic() + REDUCE_S
    size = len(content) // 2
    while size and time.monotonic() < end:
        at = 0
        while at < len(content) and time.monotonic() < end:
            shorter = content[:at] + content[at + size :]
            if is_shown(shorter):
                content = shorter
            else:
                at += size
        size //= 2
    return content


def by_coverage(seconds: float, place: Path) -> int:
    """Let atheris lead for some seconds, in another process, as it never returns; return 1 where it found something."""
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        for index, seed in enumerate(seeds()):
            for at, file in enumerate(files_of(seed)):
                (Path(corpus) / f"{index}-{at}").write_bytes(bytes((index, at)) + file.read_bytes())
        program = [sys.executable, str(LED), corpus, f"-max_total_time={int(seconds)}"]
        limits = [f"-max_len={LARGEST}", f"-artifact_prefix={place}/", "-print_final_stats=1", "-verbosity=0"]
        return int(subprocess.run([*program, *limits], check=False).returncode != 0)


def main() -> int:
    """Try mutations for some minutes; keep and tell those that made something else than an `NnanimError`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--start", type=int, default=0, help="number of the first mutation")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-crashes"), help="folder for what was found")
    parser.add_argument("--no-atheris", action="store_true", help="do not use it though it is there")
    choices = parser.parse_args()
    is_led = find_spec("atheris") is not None and not choices.no_atheris
    seconds, number, found = 60 * choices.minutes, choices.start, 0
    end = time.monotonic() + seconds * (0.75 if is_led else 1)
    known: set[str] = set()
    while time.monotonic() < end:
        if told := attempt(number):
            found += 1
            mark = told.splitlines()[-1] + told.splitlines()[-3]
            if mark not in known:  # one of each kind is enough
                known.add(mark)
                print(told, f"kept in {keep(number, choices.keep)}", sep="", flush=True)
        number += 1
    print(f"{number - choices.start} mutations, {found} that made something else than an NnanimError", flush=True)
    return int(found > 0) | (by_coverage(seconds / 4, choices.keep) if is_led else 0)


if __name__ == "__main__":
    sys.exit(main())
