"""The benchmarks in small: what they tell is there and adds up. Nothing is asserted on how long anything takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
NEEDS_PSUTIL = "psutil is not installed: `make bench` brings it"


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)


def run(*arguments: str | Path) -> str:
    path = os.pathsep.join([str(BENCHMARKS.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=True, env=environment
    ).stdout


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_profile_names_every_stage_and_adds_up(tmp_path: Path) -> None:
    output = tmp_path / "profile.md"
    run(BENCHMARKS / "profiling.py", "--frames", "34", "40", "--repetitions", "1", "--output", output)
    stages_table, top_table = output.read_text(encoding="utf-8").split("## Functions with most own time, 40 frames")
    rows = [cells(line) for line in stages_table.splitlines() if line.startswith("| ")]
    assert rows[0] == ["stage", "", "34 frames, ms", "", "40 frames, ms", "", "each further, ms"]
    names = [row[0] for row in rows[1:]]
    assert len(names) == len(set(names))
    assert names[0] == "interpreter start"
    assert {"import matplotlib", "import numpy", "import standard library"} < set(names)
    assert names[-2:] == ["other", "whole"]
    modules = {name.split(":")[0] for name in names if ": " in name}
    assert modules >= {"reading.opening", "frames.weights", "panels.figure", "panels.network_dot"}
    assert modules >= {f"painting.{name}" for name in ("canvas", "painter", "graphviz_engine", "graphviz_svg", "brush")}
    assert "encoders.gif_frames" in modules
    for column in (2, 4):
        times_ms = [float(row[column]) for row in rows[1:]]
        assert sum(times_ms[:-1]) == pytest.approx(times_ms[-1], abs=0.05 * len(times_ms))
        assert rows[-1][column + 1] == "100.0%"
    assert len([line for line in top_table.splitlines() if line.startswith("| ")]) == 1 + 15


@pytest.mark.parametrize("path", ["no_function", "Canvas.no_method", "NoClass.*"])
def test_profile_says_which_name_is_gone(path: str) -> None:
    from profiling import Clock

    with pytest.raises(SystemExit) as caught:
        Clock().wrap("nnanim.painting.canvas", path, "", False)
    assert caught.value.code == (
        f"profiling.py: there is no nnanim.painting.canvas.{path} any more: mend STAGES in benchmarks/profiling.py"
    )


def test_profile_says_which_stage_is_never_called(tmp_path: Path) -> None:
    from profiling import Clock, stages
    from synthetic import make_run

    clock = Clock()
    clock.own_s["summary: write_summary"] = 0.0
    with pytest.raises(SystemExit) as caught:
        stages(clock, make_run(tmp_path / "result", 2), tmp_path / "out.gif", 1)
    assert caught.value.code == (
        "profiling.py: never called: summary: write_summary: mend STAGES in benchmarks/profiling.py"
    )


def test_imports_of_a_render_are_all_listed(tmp_path: Path) -> None:
    from imports import IMPORT_ALL, modules_of_render
    from synthetic import make_run

    names = modules_of_render(str(make_run(tmp_path / "result", 2)), str(tmp_path / "out.gif"), "--jobs", "1")
    assert (tmp_path / "out.gif").read_bytes()[:6] == b"GIF89a"
    assert {"click", "numpy", "subprocess", "nnanim.painting.canvas", "nnanim.encoders.gif_frames"} < set(names)
    assert names.index("nnanim.cli") < names.index("nnanim.painting.canvas")
    assert "sys" not in names
    (tmp_path / "modules").write_text("\n".join(names), encoding="utf-8")
    code = IMPORT_ALL.format(file=str(tmp_path / "modules")) + "\nprint(*sys.modules)"
    assert set(names) <= set(run("-c", code).split())


def test_cpu_time_of_processes_is_counted_for_which_nobody_waits() -> None:
    pytest.importorskip("psutil", reason=NEEDS_PSUTIL)
    from measuring import Entry, measure

    burn = "import time\nwhile time.process_time() < 0.5: pass"
    # As a server of workers: it waits for its own child, but its parent does not wait for it.
    server = (
        "import subprocess, sys, time\n"
        f"subprocess.run([sys.executable, '-c', {burn!r}])\n"
        "print(flush=True)\n"
        "time.sleep(60)"
    )
    main = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {server!r}], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "time.sleep(0.5)\n"
        "child.kill()"
    )
    measured = measure(Entry("", "", ("-c", main), None))
    assert measured is not None
    assert measured.cpu_s >= 0.5


def test_failed_process_is_no_measurement() -> None:
    pytest.importorskip("psutil", reason=NEEDS_PSUTIL)
    from measuring import Entry, measure

    assert measure(Entry("", "", ("-c", "raise SystemExit(1)"), None)) is None
    assert measure(Entry("", "", ("-c", "pass"), "out.gif")) is None
    written = measure(Entry("", "", ("-c", "open('{output}', 'w').write(1500 * 'x'); print('{\"a\": 2}')"), "out.gif"))
    assert written is not None
    assert (written.file_kb, written.told) == (1.5, {"a": 2})


def test_report_fills_every_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psutil", reason=NEEDS_PSUTIL)
    import bench as plan
    from measuring import Bench, Measurement
    from report import report

    monkeypatch.setattr(plan, "modules_of_render", lambda *_: ["numpy"])
    monkeypatch.setattr(plan, "make_run", lambda *_: tmp_path)
    monkeypatch.setattr(plan, "make_big_run", lambda *_: tmp_path)
    runs, sizes, bench = plan.Runs(tmp_path), plan.QUICK, Bench(1)
    for part in (plan.rivals, plan.starts, plan.formats, plan.sweep, plan.large, plan.reading, plan.growth):
        for entry in part(runs, sizes):
            told = {"reading_s": 1.0, "drawing_s": 4.0} if entry.label == "large" else {}
            told |= {"pass_s": 1.0, "pass_cpu_s": 0.5} if entry.tool == "NumPy alone" else {}
            wall_s = float(entry.label.split()[0]) if entry.label.endswith(" frames") else 3.0
            wall_s += entry.label.endswith(" large")
            found = Measurement(wall_s, wall_s / 2, 100.0, 50.0, told, 60.0, 70.0)
            bench.found[entry.tool, entry.label].append(found)
    page = report(bench, sizes)
    assert [line for line in page.splitlines() if line.startswith("#")] == [
        "# Benchmarks",
        *("## Ratios", "## Start", "## Formats", "## Sweep", "## Large", "## Reading large files"),
        *("## Growth with frames", "## Growth with edges"),
    ]
    # Only the article's method is not run over all frames.
    assert [line for line in page.splitlines() if "–" in line] == ["| article | 100 | – | – | – | – |"]
    assert "| nnanim, 2 processes | 1000.0 | 500.0 |" in page
    assert "| 784-100-10, 10 snapshots, reading / drawing | < 1 | 0.25 |" in page
    assert "| share of imports in 20 snapshots, 2 processes | < 0.33 | 1.00 |" in page
    # Of 2 s of CPU and 1.5 on small files the half second is what one pass takes.
    assert "| 3 × 438 MB of safetensors (BERT-base), nnanim | 4.00 | 2.00 | 60 | 70 | 1.00 | 1.00 |" in page
    assert "431 MB for safetensors and 178 MB for PyTorch" in page


def test_a_section_is_put_in_the_place_of_the_old_one() -> None:
    from report import put_section

    page = "# Page\n\n## One\n\nold\n\n## Two\n\nmore\n"
    assert put_section(page, "## One\n\nnew\n") == "# Page\n\n## One\n\nnew\n\n## Two\n\nmore\n"
    assert put_section(page, "## Two\n\nnew\n") == "# Page\n\n## One\n\nold\n\n## Two\n\nnew\n"
    assert put_section(page, "## Three\n\nnew\n") == page + "\n## Three\n\nnew\n"


@pytest.mark.parametrize("file_format", ["safetensors", "PyTorch"])
def test_large_runs_are_read_by_nnanim_and_by_the_plain_pass(tmp_path: Path, file_format: str) -> None:
    import json

    import bench as plan
    import numpy as np
    from large_runs import bert_base, resnet_18

    from nnanim import open_run
    from nnanim.frames.rows import read_rows
    from nnanim.options import Options

    folder = plan.Runs(tmp_path).of_format(file_format, is_small=True)
    files = sorted(map(str, folder.rglob("*.*t*")))
    told = json.loads(run(BENCHMARKS / "numpy_pass.py", *files))
    opened = open_run(folder)
    assert len(opened.snapshots) == len(files) == (3 if file_format == "safetensors" else 8)
    found = read_rows(opened.snapshots, Options(), rows=opened.weight_rows)
    assert told["sum"] == pytest.approx(np.square(found.norms).sum() + found.moved.sum(), rel=1e-6)
    assert found.moved[1:].min() > 0
    megabytes = [
        sum(4 * int(np.prod(shape)) for shape in shapes.values()) / 1e6 for shapes in (bert_base(), resnet_18())
    ]
    assert [round(each) for each in megabytes] == [438, 47]


def test_a_sweep_is_compared_and_every_run_counted() -> None:
    pytest.importorskip("psutil", reason=NEEDS_PSUTIL)
    arguments = ["--runs", "4", "6", "--snapshots", "3", "--shape", "3,4,2", "--jobs", "1"]
    lines = run(BENCHMARKS / "sweep.py", *arguments).splitlines()
    assert [cells(line)[0] for line in lines[2:]] == ["4 runs, --jobs 1", "6 runs, --jobs 1"]
    assert all(float(cell) > 0 for line in lines[2:] for cell in cells(line)[1:])
