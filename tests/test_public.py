"""What 0.1.0 promised: public names, command-line options and JSON keys. What goes has a line in CHANGELOG.md."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from folders import result_folder

import nnanim
from nnanim.cli import main
from nnanim.if_changed import fingerprint
from nnanim.options import OptionFields, Options


def listed(text: str) -> set[str]:
    return set(text.split())


NAMES = listed("""
    Animation Frame GraphvizError Layer LogError MetricError NnanimError OptionError OutputError Recorder Run RunError
    RunNotFoundError ShapeError Snapshot SnapshotError WorkerError createLearnAnimation create_learn_animation open_run
    render
""")
OPTIONS = {
    "render": listed("""
        --shape --layers --log --skip-bad --output --format --metric --color --since --scale --theme --palette --figsize
        --dpi --panels --curve --fps --hold --duration --loop --tween --every --max-frames --spacing --from --to
        --max-nodes --nodes --max-edges --edges --bias --input-labels --output-labels --font --if-changed --summary
        --jobs --scheduler --quiet --version
    """),
    "draw": listed("""
        --shape --layers --log --skip-bad --output --epoch --iteration --last --panels --transparent --quiet
    """),
    "inspect": listed("--layers --log --skip-bad --json"),
}
INSPECT_KEYS = {"format", "shape", "layers", "left_out", "snapshots", "log", "notes"}
INSPECT_KEYS_SINCE_0_2 = {"view", "tensors", "connections", "known_from", "metrics", "shown_metrics", "models"}
FRAME_KEYS = {"file", "epoch", "iteration", "duration_s", "metrics", "edges", "nodes"}

# A value other than the default for each option.
OTHER: dict[str, dict[str, Any]] = {
    "metric": {"metric": "main/loss"},
    "color": {"color": "sign"},
    "since": {"since": "previous"},
    "scale": {"scale": "layer"},
    "theme": {"theme": "dark"},
    "palette": {"palette": "safe"},
    "panels": {"panels": "network"},
    "view": {"view": "layers"},
    "title": {"title": "Iris"},
    "figsize": {"figsize": (6.0, 4.0)},
    "dpi": {"dpi": 80.0},
    "fps": {"fps": 5.0},
    "hold_s": {"hold_s": 1.0},
    "duration_s": {"duration_s": 9.0},
    "ending": {"ending": "ink"},
    "loop": {"loop": False},
    "tween": {"tween": 2},
    "every": {"every": 2},
    "max_frames": {"max_frames": 2},
    "spacing": {"max_frames": 2, "spacing": "log"},
    "start": {"start": 2.0},
    "stop": {"stop": 2.0},
    "max_nodes": {"max_nodes": 2},
    "nodes": {"nodes": "even"},
    "max_edges": {"max_edges": 9},
    "edges": {"edges": "change"},
    "bias": {"bias": False},
    "image": {"image": "none"},
    "input_labels": {"input_labels": ("a", "b", "c", "d")},
    "output_labels": {"output_labels": ("x", "y", "z")},
    "font": {},  # a file, whose bytes count: see test_if_changed.py
    "engine": {},  # does not change the picture
    "full_color": {"full_color": True},
    "moments": {"moments": True},
    "distributions": {"distributions": True},
}


def test_names_are_there() -> None:
    assert set(nnanim.__all__) >= NAMES
    assert all(hasattr(nnanim, name) for name in nnanim.__all__)


@pytest.mark.parametrize("command", OPTIONS)
def test_options_are_there(command: str) -> None:
    there = {
        name for parameter in main.commands[command].params for name in (*parameter.opts, *parameter.secondary_opts)
    }
    assert OPTIONS[command] <= there


def test_keys_of_inspect_are_there(tmp_path: Path) -> None:
    told = CliRunner().invoke(main, ["inspect", str(result_folder(tmp_path / "result")), "--json"])
    assert set(json.loads(told.stdout)) >= INSPECT_KEYS | INSPECT_KEYS_SINCE_0_2


def test_keys_of_frames_are_there(tmp_path: Path) -> None:
    nnanim.render(result_folder(tmp_path / "result"), f"{tmp_path}/frames/")
    told = json.loads((tmp_path / "frames/frames.json").read_text(encoding="utf-8"))
    assert all(set(frame) == FRAME_KEYS for frame in told["frames"])


def test_each_option_has_another_value_here() -> None:
    assert set(OTHER) == {field.name for field in dataclasses.fields(Options)}


@pytest.mark.parametrize("name", [name for name, options in OTHER.items() if options])
def test_each_option_changes_the_fingerprint(tmp_path: Path, name: str) -> None:
    run = nnanim.open_run(result_folder(tmp_path / "result"))
    base = {key: value for key, value in OTHER[name].items() if key != name}  # what it goes with
    assert fingerprint(run, Options(**OTHER[name])) != fingerprint(run, Options(**base))


def test_editors_know_each_option() -> None:
    told = {field.name: field.type for field in dataclasses.fields(Options)}
    assert {name: each.__forward_arg__ for name, each in OptionFields.__annotations__.items()} == told
