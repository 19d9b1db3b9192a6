from __future__ import annotations

import dataclasses
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from folders import log_rows, result_folder, save, trainer_arrays, weights
from gif_reader import read_gif
from pictures import IRIS

import nnanim
from nnanim import options as library
from nnanim.cli import main
from nnanim.cli.render import render
from nnanim.options import Options

HINT = "a snapshot is a Chainer .npz archive, or a file of PyTorch, Lightning, Keras, safetensors, ONNX or NumPy"
LOG_HINT = "a log is a JSON list with one object per row, as Chainer's LogReport writes it"
KEY = "updater/model:main/predictor/l1/W"
SMALL = ("--figsize", "3,2")  # quick to draw


@pytest.fixture(autouse=True)
def _signal_handlers_stay() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def run(*arguments: str) -> Result:
    """Run the command in this process; an error that is a bug keeps its traceback."""
    found = CliRunner().invoke(main, arguments)
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found


def start(*arguments: str, **options: object) -> subprocess.Popen[str]:
    # A test that runs in the background has Ctrl-C switched off, and its children too.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\nfrom nnanim.cli import main; main()"
    )
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload,no-any-return]


# Help and version


@pytest.mark.parametrize("command", [[], ["render"], ["inspect"], ["draw"]])
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help(command: list[str], option: str) -> None:
    found = run(*command, option)
    assert found.exit_code == 0
    assert found.stdout.startswith("Usage: ")
    assert found.stderr == ""


def test_help_lists_the_commands() -> None:
    text = run("--help").stdout
    assert re.findall(r"^  (\w+)  ", text, re.MULTILINE) == ["check", "compare", "draw", "inspect", "render", "watch"]


@pytest.mark.parametrize(
    "command", [["--help"], ["render", "--help"], ["draw", "-h"], ["inspect", "-h"], ["--version"]]
)
def test_help_imports_nothing_heavy(command: list[str]) -> None:
    code = (
        "import sys\nfrom nnanim.cli import main\ntry:\n    main(sys.argv[1:])\nfinally:\n"
        "    print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=True)
    loaded = done.stderr.split()
    assert "nnanim.cli" in loaded
    assert {"numpy", "pandas", "matplotlib", "imageio", "PIL", "graphviz", "chainer"}.isdisjoint(loaded)


@pytest.mark.parametrize("command", [["--version"], ["render", "--version"]])
def test_version(command: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    there = {"pygraphviz": "2.0", "av": "12.1"}
    orbax = "" if sys.version_info >= (3, 14) else "orbax, "  # which Python itself brings

    def found(package: str) -> str:
        if package not in there:
            raise metadata.PackageNotFoundError(package)
        return there[package]

    monkeypatch.setattr(metadata, "version", found)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(*command).stdout.splitlines() == [
        f"nnanim, version {nnanim.__version__}",
        "Graphviz: the one in the Python package pygraphviz 2.0",
        f"extras: video (av 12.1); not installed: chainer, dask, match, {orbax}watch",
    ]
    there.clear()
    assert run(*command).stdout.splitlines()[1:] == [
        "Graphviz: missing",
        f"extras: none; not installed: chainer, dask, match, {orbax}video, watch",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script is no program there")
def test_version_names_the_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "dot").write_text("#!/bin/sh\n")
    (tmp_path / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert f"Graphviz: the program {str(tmp_path / 'dot')!r}\n" in run("--version").stdout


@pytest.mark.parametrize("command", [[], ["--help"]])
def test_help_begins_with_three_commands_and_cuts_nothing(command: list[str]) -> None:
    told = CliRunner().invoke(main, command, prog_name="nnanim").output
    begin = told.split("To begin with:\n")[1].split("\n\n")[0]
    assert [line.split()[:2] for line in begin.splitlines()] == [
        ["nnanim", "inspect"],
        ["nnanim", "render"],
        ["nnanim", "render"],
    ]
    assert "…" not in told
    assert "..." not in told.split("To begin with:")[0].split("Commands:")[-1]


def test_no_command_is_no_success() -> None:
    found = run()
    assert found.exit_code == 2
    assert "nnanim --help" in found.stderr
    assert found.stdout == ""


# Defaults of the command line are those of the library

NOT_OF_THE_LIBRARY = {
    *("results", "outputs", "file_format", "shape", "layers", "log", "skip_bad", "curve", "if_changed", "summary"),
    *("model", "files"),
    *("jobs", "scheduler"),
    *("quiet", "version"),
}


def test_every_choice_of_the_library_is_an_option() -> None:
    names = {parameter.name for parameter in render.params} - NOT_OF_THE_LIBRARY
    assert names == {field.name for field in dataclasses.fields(Options)} - {"engine"}


def test_defaults_are_those_of_the_library() -> None:
    with render.make_context("render", ["result"]) as context:
        choices = {name: value for name, value in context.params.items() if name not in NOT_OF_THE_LIBRARY}
    assert choices == {name: getattr(Options(), name) for name in choices}
    (output,) = (parameter for parameter in render.params if parameter.name == "outputs")
    assert output.default == (library.DEFAULT_OUTPUT,)


@pytest.mark.parametrize(
    "name", ["since", "color", "scale", "theme", "palette", "panels", "ending", "spacing", "nodes", "edges"]
)
def test_closed_sets_are_those_of_the_library(name: str) -> None:
    (parameter,) = (parameter for parameter in render.params if parameter.name == name)
    assert isinstance(parameter.type, click.Choice)
    for value in parameter.type.choices:
        assert getattr(Options(**{name: value, "max_frames": 5}), name) == value
    assert parameter.default == parameter.type.choices[0]


def test_defaults_are_those_of_the_article() -> None:
    assert (library.SNAPSHOTS_PER_S, library.DEFAULT_FIGSIZE, library.DEFAULT_DPI) == (10, (9, 6), 100)
    assert library.DEFAULT_OUTPUT == "animation.gif"
    assert library.SUFFIXES[0] == ".gif"
    assert library.SINCE == ("first", "previous")


def test_defaults_that_hold_the_sum_of_all_learning() -> None:
    by_name = {parameter.name: parameter for parameter in render.params}
    assert (Options().ending, Options().hold_s) == ("both", 3)
    assert (by_name["ending"].default, by_name["hold_s"].default) == ("both", 3)
    assert Options().has_rhythm


# render


def test_render_says_what_was_written(result: Path) -> None:
    result_folder(result)
    found = run("render", "result", "--shape", "4,5,3", "-o", "out.gif")
    assert found.exit_code == 0
    assert found.stdout == ""
    kilobytes = Path("out.gif").stat().st_size / 1000
    assert re.fullmatch(rf"out\.gif: 4 frames, 900x600 px, {kilobytes:.0f} KB, in \d+\.\d s\n", found.stderr)
    gif = read_gif(Path("out.gif"))
    assert gif.size == (900, 600)
    assert gif.delays_ms == [2000, 2000, 1500, 1500]
    assert gif.loop == 0


def test_render_writes_animation_gif_without_an_output(result: Path) -> None:
    result_folder(result)
    assert run("render", "result", *SMALL).exit_code == 0
    assert sorted(path.name for path in Path().iterdir()) == ["animation.gif", "result"]


def test_options_reach_the_picture(result: Path) -> None:
    result_folder(result)
    arguments = ["--metric", "main/loss", "--since", "previous", "--figsize", "4,3", "--dpi", "50", "--fps", "20"]
    assert run("render", "result", *arguments, "--hold", "0.5", "--no-loop", "-o", "out.gif").exit_code == 0
    gif = read_gif(Path("out.gif"))
    assert gif.size == (200, 150)
    assert gif.delays_ms == [50, 50, 250, 250]
    assert gif.loop is None
    options = {"metric": "main/loss", "since": "previous", "figsize": (4, 3), "dpi": 50, "fps": 20, "hold_s": 0.5}
    nnanim.render(result, "library.gif", **options, loop=False)
    assert Path("library.gif").read_bytes() == Path("out.gif").read_bytes()


def test_quiet(result: Path) -> None:
    result_folder(result, epochs=[1])
    for option in ("-q", "--quiet"):
        found = run("render", "result", *SMALL, option)
        assert (found.exit_code, found.output) == (0, "")


def test_notes_are_told_before_the_closing_line(result: Path) -> None:
    result_folder(result, epochs=[1], log=False)
    found = run("render", "result", *SMALL)
    assert found.exit_code == 0
    lines = found.stderr.splitlines()
    assert lines[:2] == [
        "nnanim: note: no log in 'result': the network is drawn alone",
        "nnanim: note: only one snapshot in 'result': there is no change to show",
    ]
    assert lines[2].startswith("animation.gif: 1 frame, 300x200 px, ")
    assert len(read_gif(Path("animation.gif")).images) == 1


def test_leftovers_of_a_broken_off_training_are_ignored(result: Path) -> None:
    result_folder(result)
    (result / "tmpsnapshot").write_bytes(b"PK\x03\x04half")
    (result / "tmp_dir").mkdir()
    found = run("render", "result", *SMALL)
    assert found.exit_code == 0
    assert found.stderr.startswith("animation.gif: 4 frames, ")


def test_nan_in_the_log_is_a_gap_and_no_error(result: Path) -> None:
    result_folder(result)
    rows = log_rows(3)
    rows[1]["main/accuracy"] = float("nan")
    (result / "log").write_text(json.dumps(rows))
    assert "NaN" in (result / "log").read_text()
    assert run("render", "result", *SMALL).exit_code == 0


def test_real_command_on_the_sample(tmp_path: Path) -> None:
    process = start("render", str(IRIS), "--shape", "4,5,5,5,3", "-o", "iris.gif", *SMALL, cwd=tmp_path)
    out, err = process.communicate()
    assert (process.returncode, out) == (0, "")
    assert re.fullmatch(r"iris\.gif: 51 frames, 300x200 px, \d+ KB, in \d+\.\d s\n", err)
    assert [path.name for path in tmp_path.iterdir()] == ["iris.gif"]
    assert len(read_gif(tmp_path / "iris.gif").images) == 51


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
@pytest.mark.parametrize("quiet", [False, True])
def test_progress_on_a_terminal(tmp_path: Path, quiet: bool) -> None:
    import pty

    run_folder = result_folder(tmp_path / "result")
    ours, theirs = pty.openpty()
    arguments = ["render", str(run_folder), "-o", str(tmp_path / "out.gif"), *SMALL, *(["-q"] if quiet else [])]
    command = [sys.executable, "-m", "nnanim", *arguments]
    with subprocess.Popen(command, stderr=theirs) as process:
        os.close(theirs)
        text = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # how Linux says that the other end is closed
                break
            if not part:
                break
            text += part
    os.close(ours)
    assert process.returncode == 0
    assert (b"drawing" in text) is not quiet
    assert (b"100%" in text) is not quiet
    assert (text == b"") is quiet


# inspect


def test_inspect_for_people(result: Path) -> None:
    result_folder(result, epochs=[1, 2])
    found = run("inspect", "result")
    assert (found.exit_code, found.stderr) == (0, "")
    assert found.stdout == (
        "result: chainer, 2 snapshots\n"
        "shape      4,5,3\n"
        "view       network: the layers follow each other, in one order only\n"
        "layers\n"
        "  5x4  dense  updater/model:main/predictor/l1/W\n"
        "  3x5  dense  updater/model:main/predictor/l2/W\n"
        "log        result/log, chainer, 2 rows\n"
        "  main/loss\n"
        "  main/accuracy  shown: 75.0 % at the end\n"
        "snapshots\n"
        "  trainer_00001  epoch 1  iteration 3  row 1\n"
        "  trainer_00002  epoch 2  iteration 6  row 2\n"
    )


def test_inspect_for_programs(result: Path) -> None:
    result_folder(result, epochs=[1, 2])
    found = run("inspect", "result", "--json")
    assert (found.exit_code, found.stderr) == (0, "")
    assert json.loads(found.stdout) == {
        "format": "chainer",
        "shape": [4, 5, 3],
        "view": "network",
        "models": [],
        "tensors": [
            {"key": "updater/model:main/predictor/l1/W", "shape": [5, 4], "role": "dense", "shown": True},
            {"key": "updater/model:main/predictor/l2/W", "shape": [3, 5], "role": "dense", "shown": True},
        ],
        "connections": [["updater/model:main/predictor/l1/W", "updater/model:main/predictor/l2/W"]],
        "known_from": ["sequence"],
        "layers": [
            {"name": "l1", "weight": "updater/model:main/predictor/l1/W", "shape": [5, 4]},
            {"name": "l2", "weight": "updater/model:main/predictor/l2/W", "shape": [3, 5]},
        ],
        "left_out": [],
        "skipped": [],
        "snapshots": [
            {"file": "trainer_00001", "epoch": 1, "iteration": 3},
            {"file": "trainer_00002", "epoch": 2, "iteration": 6},
        ],
        "log": {"file": "log", "rows": 2, "metrics": ["main/loss", "main/accuracy"]},
        "metrics": ["main/loss", "main/accuracy"],
        "shown_metrics": [{"metric": "main/accuracy", "last": "75.0 %"}],
        "notes": [],
    }


def test_inspect_without_a_log(result: Path) -> None:
    result_folder(result, epochs=[1, 2], log=False)
    assert json.loads(run("inspect", "result", "--json").stdout)["log"] is None
    text = run("inspect", "result").stdout
    assert "log        none\n" in text
    assert "note: no log in 'result': the network is drawn alone\n" in text
    found = json.loads(run("inspect", "result", "--json").stdout)
    assert (found["metrics"], found["shown_metrics"]) == ([], [])


def test_inspect_leaves_the_middle_of_many_snapshots_out(result: Path) -> None:
    result_folder(result, epochs=range(1, 31))
    text = run("inspect", "result").stdout
    assert text.count("  trainer_") == 20
    assert "  trainer_00010" in text
    assert "  … 10 more (--all lists them)\n  trainer_00021" in text
    assert run("inspect", "result", "--all").stdout.count("  trainer_") == 30


def test_a_path_without_a_command_is_rendered(result: Path) -> None:
    result_folder(result, epochs=[1, 2])
    found = run("result", "-o", "a.gif")
    assert (found.exit_code, Path("a.gif").exists()) == (0, True)
    assert "No such command 'nowhere'" in run("nowhere").stderr


def test_runs_further_down_are_told_with_the_command(result: Path) -> None:
    result_folder(result / "out")
    said = "no snapshots in 'result' itself; those further down are drawn by: nnanim render result/out"
    assert run("inspect", "result").stderr == f"nnanim: error: {said}\n"
    result_folder(result / "b c" / "checkpoints")
    said = (
        "no snapshots in 'result' itself; those of 2 runs further down are drawn by:"
        " nnanim render 'result/b c' result/out -o '{run}.gif'"
    )
    assert run("inspect", "result").stderr == f"nnanim: error: {said}\n"
    assert run("render", "result/b c", "result/out", "-o", "{run}.gif").exit_code == 0


def test_files_that_a_glob_gives_are_a_choice_in_their_folder(result: Path) -> None:
    result_folder(result, epochs=[1, 2, 3])
    found = json.loads(run("inspect", "--json", "result/trainer_00001", "result/trainer_00003").stdout)
    assert [snapshot["epoch"] for snapshot in found["snapshots"]] == [1, 3]
    drawn = run("render", "result/trainer_00001", "result/trainer_00003", "-o", "a.gif", "--ending", "ink")
    assert (drawn.exit_code, "a.gif: 2 frames" in drawn.stderr) == (0, True)
    assert run("render", "result/trainer_00001", "result", "-o", "a.gif").exit_code == 2
    assert run("inspect", "result", "result").exit_code == 2
    assert run("inspect", "result/trainer_00001", "--files", "trainer*").exit_code == 2


def test_inspect_says_what_is_wrong(result: Path) -> None:
    found = run("inspect", "result", "--json")
    assert (found.exit_code, found.stdout) == (1, "")
    assert found.stderr == (
        "nnanim: error: no folder 'result' (a result folder is what a training leaves behind: snapshots and a log)\n"
    )


# What bad input gets


def empty(folder: Path) -> None:
    folder.mkdir()


def plots_only(folder: Path) -> None:
    folder.mkdir()
    for name in ["log", "loss.png", "tmpfile"]:
        (folder / name).write_text("[]")


def good(folder: Path) -> None:
    result_folder(folder)


def with_bytes(data: bytes) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        result_folder(folder, epochs=[1])
        (folder / "trainer_00002").write_bytes(data)

    return make


def with_weights(value: float) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        result_folder(folder, epochs=[1])
        arrays = weights()
        arrays["l2/W"][0, :2] = value
        save(folder / "trainer_00002", trainer_arrays(arrays, epoch=2, iteration=6))

    return make


def with_log(text: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        result_folder(folder, log=False)
        (folder / "log").write_text(text)

    return make


def truncated(folder: Path) -> None:
    result_folder(folder)
    data = (folder / "trainer_00002").read_bytes()
    (folder / "trainer_00002").write_bytes(data[: len(data) // 2])


def object_array(folder: Path) -> None:
    result_folder(folder, epochs=[1])
    save(folder / "trainer_00002", trainer_arrays(weights() | {"l1/W": np.asarray(None)}, epoch=2))


def nothing(folder: Path) -> None:
    pass


BAD_DATA = {
    "folder missing": (
        nothing,
        [],
        "no folder 'result' (a result folder is what a training leaves behind: snapshots and a log)",
    ),
    "folder empty": (empty, [], f"no snapshots in 'result' (the folder is empty; {HINT})"),
    "no snapshots": (plots_only, [], f"no snapshots in 'result' (found: 'log', 'loss.png'; {HINT})"),
    "truncated": (truncated, [], f"snapshot 'result/trainer_00002' is truncated or damaged ({HINT})"),
    "empty file": (with_bytes(b""), [], f"snapshot 'result/trainer_00002' is empty ({HINT})"),
    "not a zip": (with_bytes(b"hello"), [], f"snapshot 'result/trainer_00002' is not a zip archive ({HINT})"),
    "a pickle": (
        with_bytes(pickle.dumps({"W": 1})),
        [],
        "'result/trainer_00002' is a pickle, which is never loaded, since it could run code (save the weights with"
        " numpy.savez, torch.save or safetensors)",
    ),
    "an object array": (
        object_array,
        [],
        f"{KEY!r} in snapshot 'result/trainer_00002' holds Python objects, which are never loaded"
        " (a weight is an array of numbers; a layer that was not used yet has none)",
    ),
    "NaN weights": (
        with_weights(float("nan")),
        [],
        "layer 'l2' in snapshot 'result/trainer_00002' has 2 NaN or infinite weights of 15"
        " (every one must be a finite number; did the training diverge?)",
    ),
    "infinite weights": (
        with_weights(float("-inf")),
        [],
        "layer 'l2' in snapshot 'result/trainer_00002' has 2 NaN or infinite weights of 15"
        " (every one must be a finite number; did the training diverge?)",
    ),
    "other shape": (
        good,
        ["--shape", "4,6,3"],
        "shape 4,6,3 does not fit snapshot 'result/trainer_00001': layer 'l1' is (5, 4) there, (6, 4) declared"
        " (the snapshot is 4,5,3)",
    ),
    "shorter shape": (
        good,
        ["--shape", "4,3"],
        "shape 4,3 does not fit snapshot 'result/trainer_00001': 1 layer of weights declared, 2 found"
        " (the snapshot is 4,5,3)",
    ),
    "no such metric": (
        good,
        ["--metric", "accuracy"],
        "no metric 'accuracy' in 'result/log' (metrics there: 'main/loss', 'main/accuracy')",
    ),
    "empty log": (
        with_log(""),
        [],
        "log 'result/log' is empty (a log is CSV, JSON lines, a JSON list of rows, Keras's history, a"
        " trainer_state.json, MLflow's, TensorBoard's or W&B's)",
    ),
    "log without rows": (with_log("[]"), [], f"log 'result/log' has no rows ({LOG_HINT})"),
    "log that is not JSON": (
        with_log("epoch 1: good"),
        [],
        "log 'result/log' has no rows (a CSV log has a first line with the names of its columns, one of them epoch"
        " or step)",
    ),
    "output folder missing": (
        good,
        ["-o", "no/where/out.gif"],
        "the folder 'no/where' of the output 'out.gif' does not exist",
    ),
    "output in a file": (
        good,
        ["-o", "result/log/out.gif"],
        "'result/log' is not a folder, so 'out.gif' cannot be written into it",
    ),
}


def contents() -> dict[str, bytes | None]:
    return {path.as_posix(): path.read_bytes() if path.is_file() else None for path in sorted(Path().rglob("*"))}


@pytest.mark.parametrize("older", [False, True], ids=["no older file", "older file"])
@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data(result: Path, case: str, older: bool) -> None:
    make, arguments, message = BAD_DATA[case]
    make(result)
    if older:
        Path("animation.gif").write_bytes(b"older")
    before = contents()
    found = run("render", "result", *arguments)
    assert found.stderr == f"nnanim: error: {message}\n"
    assert found.stdout == ""
    assert found.exit_code == 1
    assert contents() == before


def test_folder_that_is_not_writable(result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good(result)
    target = Path("readonly")
    target.mkdir()
    target.chmod(0o500)
    if os.access(target, os.W_OK):  # root may write everywhere
        monkeypatch.setattr(os, "access", lambda _, mode: not mode & os.W_OK)
    found = run("render", "result", "-o", "readonly/out.gif")
    assert found.exit_code == 1
    assert found.stderr == "nnanim: error: the folder 'readonly' of the output 'out.gif' is not writable\n"
    assert list(target.iterdir()) == []


def test_folder_that_cannot_be_read_is_bad_data(result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good(result)
    refused = PermissionError(13, "Permission denied")

    def scandir(_: Path) -> None:
        raise refused

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(os, "access", lambda _, mode: not mode & os.R_OK)
    found = run("inspect", "result")
    assert (found.exit_code, found.stdout) == (1, "")
    assert found.stderr == "nnanim: error: cannot list 'result': Permission denied (give a folder that can be read)\n"


SHAPE_HINT = "is not a list of layer sizes: two or more whole numbers from 1, separated by commas, as in 4,5,5,5,3"
BAD_USAGE = {
    "shape of letters": (["--shape", "4,x"], f"Invalid value for '--shape': '4,x' {SHAPE_HINT}"),
    "shape of one": (["--shape", "4"], f"Invalid value for '--shape': '4' {SHAPE_HINT}"),
    "shape with 0": (["--shape", "0,3"], f"Invalid value for '--shape': '0,3' {SHAPE_HINT}"),
    "shape below 0": (["--shape", "4,-3"], f"Invalid value for '--shape': '4,-3' {SHAPE_HINT}"),
    "shape with a gap": (["--shape", "4,,3"], f"Invalid value for '--shape': '4,,3' {SHAPE_HINT}"),
    "shape of fractions": (["--shape", "4,2.5"], f"Invalid value for '--shape': '4,2.5' {SHAPE_HINT}"),
    "shape in other digits": (["--shape", "4,²"], f"Invalid value for '--shape': '4,²' {SHAPE_HINT}"),
    "unknown suffix": (
        ["-o", "out.avi"],
        "Invalid value for '-o' / '--output': unknown suffix '.avi' of 'out.avi' (must be one of .gif, .html, .svg,"
        " .mp4, .webm, .webp, .avif, .apng, .png)",
    ),
    "no suffix": (
        ["-o", "out"],
        "Invalid value for '-o' / '--output': unknown suffix '' of 'out' (must be one of .gif, .html, .svg, .mp4,"
        " .webm, .webp, .avif, .apng, .png, or a folder with / at its end)",
    ),
    "since": (["--since", "last"], "Invalid value for '--since': 'last' is not one of 'first', 'previous'."),
    "figsize of one": (
        ["--figsize", "9"],
        "Invalid value for '--figsize': '9' is not a width and a height in inches, as in 9,6",
    ),
    "figsize below 0": (
        ["--figsize", "9,-6"],
        "Invalid value for '--figsize': '9,-6' is not a width and a height in inches, as in 9,6",
    ),
    "figsize nan": (
        ["--figsize", "nan,6"],
        "Invalid value for '--figsize': 'nan,6' is not a width and a height in inches, as in 9,6",
    ),
    "figsize too large": (
        ["--figsize", "900,600"],
        "figsize 900,600 inches at 100 dpi makes 90000x60000 px: each side must have at least 100 px,"
        " the whole at most 32000000 px",
    ),
    "dpi nan": (
        ["--dpi", "nan"],
        "dpi is nan: it must be from 0 to 100000",
    ),
    "dpi inf": (["--dpi", "inf"], "dpi is inf: it must be from 0 to 100000"),
    "figsize huge": (["--figsize", "1e200,4"], "figsize is 1e+200,4: a side has at most 10000 inches"),
    "dpi 0": (["--dpi", "0"], "Invalid value for '--dpi': 0.0 is not in the range x>0."),
    "fps 0": (["--fps", "0"], "Invalid value for '--fps': 0.0 is not in the range 0.01<=x<=50.0."),
    "fps 51": (["--fps", "51"], "Invalid value for '--fps': 51.0 is not in the range 0.01<=x<=50.0."),
    "fps nan": (["--fps", "nan"], "fps is nan: it must be from 0.01 to 50"),
    "hold below 0": (["--hold", "-1"], "Invalid value for '--hold': -1.0 is not in the range 0<=x<=600.0."),
    "hold nan": (["--hold", "nan"], "hold is nan: it must be from 0 to 600"),
    "two lengths": (["--fps", "5", "--duration", "9"], "fps and duration cannot be used together"),
    "two panels": (["--panels", "both", "--no-curve"], "--panels and --curve/--no-curve cannot be used together"),
    "too small": (["--figsize", "1,1"], "figsize 1,1 inches is too small for what is to be shown"),
    "unknown option": (["--loops"], "No such option"),
}


@pytest.mark.parametrize("case", BAD_USAGE)
def test_bad_usage(result: Path, case: str) -> None:
    good(result)
    Path("animation.gif").write_bytes(b"older")
    before = contents()
    arguments, message = BAD_USAGE[case]
    found = run("render", "result", *arguments)
    assert f"nnanim: error: {message}" in found.stderr
    assert found.stdout == ""
    assert found.exit_code == 2
    assert contents() == before


def test_result_is_needed() -> None:
    found = run("render")
    assert found.exit_code == 2
    assert "nnanim: error: Missing argument 'RESULT...'." in found.stderr


def test_bug_keeps_its_traceback(result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good(result)
    monkeypatch.setattr("nnanim.painting.painter.Painter.pictures", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("render", "result", *SMALL)


def test_messages_go_to_stderr_of_the_process_without_a_traceback(tmp_path: Path) -> None:
    process = start("render", "nowhere", cwd=tmp_path)
    out, err = process.communicate()
    assert (process.returncode, out) == (1, "")
    assert err.startswith("nnanim: error: no folder 'nowhere' (")
    assert err.count("\n") == 1


# Broken off


def broken_off(folder: Path, number: int) -> tuple[int, str, list[str]]:
    """Start to render, send a signal while frames are drawn, and return exit code, stderr and what lies there."""
    (folder / "out.gif").write_bytes(b"older")
    # Large enough that the first frames are drawn long before the last.
    process = start("render", str(IRIS), "-o", "out.gif", "--dpi", "150", "--tween", "9", cwd=folder)
    while process.poll() is None and not list(folder.glob("*.tmp")) and not list(folder.glob(".*.tmp")):
        time.sleep(0.01)
    assert process.poll() is None, process.communicate()[1]
    process.send_signal(number)
    out, err = process.communicate()
    assert out == ""
    assert (folder / "out.gif").read_bytes() == b"older"
    return process.returncode, err, sorted(path.name for path in folder.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_ctrl_c_leaves_the_older_file_and_no_litter(tmp_path: Path) -> None:
    code, err, files = broken_off(tmp_path, signal.SIGINT)
    assert (code, err) == (130, "nnanim: interrupted, nothing was written\n")
    assert files == ["out.gif"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
def test_job_that_is_stopped_leaves_the_older_file_and_no_litter(tmp_path: Path) -> None:
    code, err, files = broken_off(tmp_path, signal.SIGTERM)
    assert (code, err) == (143, "")
    assert files == ["out.gif"]


def test_ctrl_c_in_the_middle_of_a_frame(result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good(result)

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nnanim.painting.canvas.Canvas.paint", interrupted)
    found = run("render", "result", *SMALL)
    assert (found.exit_code, found.stderr) == (130, "nnanim: interrupted, nothing was written\n")
    assert [path.name for path in Path().iterdir()] == ["result"]


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
@pytest.mark.skipif(
    hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN, reason="nohup wants it ignored"
)
def test_a_closed_terminal_leaves_the_older_file_and_no_litter(tmp_path: Path) -> None:
    assert broken_off(tmp_path, signal.SIGHUP) == (129, "", ["out.gif"])


# What newcomers type


def test_an_output_without_its_option_is_told_how_it_is_given(result: Path) -> None:
    result_folder(result)
    Path("there.gif").touch()
    for name in ("my out.gif", "there.gif", "net.svg"):
        found = run("render", "result", name)
        assert found.exit_code == 2
        given = f"'{name}'" if " " in name else name
        assert found.stderr.endswith(
            f"nnanim: error: {name!r} is no result folder; outputs are given with -o: result -o {given}\n"
        )


def test_a_folder_given_twice_is_no_matter_of_names(result: Path) -> None:
    result_folder(result)
    for again in ("result", "result/", "./result"):
        found = run("render", "result", again)
        assert found.exit_code == 2
        assert "was given twice" in found.stderr
        assert "{run}" not in found.stderr


@pytest.mark.parametrize(
    ("option", "told"), [("--from", "from epoch 9"), ("--to", "to epoch 0.5"), (None, "from epoch 9 to epoch 10")]
)
def test_no_snapshot_in_a_span_is_told_without_infinity(result: Path, option: str | None, told: str) -> None:
    result_folder(result)
    chosen = ["--from", "9", "--to", "10"] if option is None else [option, told.split()[-1]]
    found = run("render", "result", *chosen)
    assert found.stderr == f"nnanim: error: no snapshot {told} (the run has epochs 1 to 3)\n"


@pytest.mark.parametrize("name", sorted(main.commands))
def test_no_help_is_cut_at_any_width(name: str) -> None:
    command = main.commands[name]
    for width in (40, 80, 200):
        said = CliRunner().invoke(main, [name, "--help"], terminal_width=width, max_content_width=width)
        told = "".join(said.output.split())
        for option in command.params:
            text = getattr(option, "help", None)
            assert text is None or "".join(text.split()) in told
    sentence = (command.help or "").split(".")[0].replace("\n", " ")
    offered = {item.value: item.help or "" for item in main.shell_complete(click.Context(main), "")}
    assert " ".join(offered[name].split()) == f"{' '.join(sentence.split())}."


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["render"], 2), (["--no-such"], 2), (["nonsense"], 2), (["render", "none"], 1), (["some/where"], 1)],
)
def test_errors_begin_alike_whatever_the_exit_code(arguments: list[str], code: int) -> None:
    found = CliRunner().invoke(main, arguments)
    assert found.exit_code == code
    assert found.stderr.splitlines()[-1].startswith("nnanim: error: ")
    assert "Error: " not in found.stderr


def test_path_that_is_not_there_is_no_unknown_command() -> None:
    assert "no folder 'some/where'" in CliRunner().invoke(main, ["some/where"]).stderr
