from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from folders import result_folder, save

from nnanim import Animation, WorkerError, open_run
from nnanim.cli import main
from nnanim.extras import how_to_install
from nnanim.frames import row_sums, rows
from nnanim.one_run import draw_run
from nnanim.options import READING, Options, Reading, Writing
from nnanim.processes import cluster as clusters
from nnanim.processes.cluster import cluster

distributed = pytest.importorskip("distributed", reason="needs Dask")

# Dask and what it imports warn about each other, and a killed worker leaves its sockets open.
pytestmark = pytest.mark.filterwarnings("default")
FRAMES = 200
SMALL = {"figsize": (3, 2), "dpi": 60}


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        dashboard_address=None,
        silence_logs="CRITICAL",
        local_directory=str(tmp_path_factory.mktemp("workers")),  # older releases take the current folder
    ) as running:
        yield running


@pytest.fixture
def animation(tmp_path: Path) -> Animation:
    return Animation(open_run(result_folder(tmp_path / "result", epochs=range(1, FRAMES + 1))), **SMALL)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_worker_is_killed_half_way(local: Any, animation: Animation, tmp_path: Path) -> None:
    animation.write(tmp_path / "alone.gif")
    killed: list[int] = []

    def progress(done: int, total: int) -> None:
        if not killed and done >= 64:
            with distributed.Client(local.scheduler_address, set_as_default=False) as client:
                killed.append(next(iter(client.run(os.getpid).values())))
            os.kill(killed[0], signal.SIGKILL)

    with cluster(local.scheduler_address) as (executor, workers):
        assert workers == 2
        animation.write(tmp_path / "cluster.gif", executor=executor, jobs=workers, progress=progress)
    assert killed
    assert (tmp_path / "cluster.gif").read_bytes() == (tmp_path / "alone.gif").read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("since", ["first", "previous"])
def test_a_worker_is_killed_half_way_through_reading(
    local: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, since: str
) -> None:
    monkeypatch.chdir(tmp_path)  # workers have another working folder
    monkeypatch.setattr(rows, "LEAST_BYTES", 1)  # a task for each tensor
    monkeypatch.setattr(rows, "AT_ONCE", 6)
    snapshots, tensors = 40, 20
    Path("run").mkdir()
    for epoch in range(snapshots):
        random = np.random.default_rng(epoch)
        arrays = {f"side_{place}.weight": random.normal(size=(90, 80 + place)) for place in range(tensors)}
        save(Path("run") / f"net_epoch{epoch}.npz", {key: each.astype(np.float32) for key, each in arrays.items()})
    options = Options(view="layers", since=since, max_frames=40, **SMALL)
    draw_run("run", ["here.gif"], options, Reading(), Writing())
    killed: list[int] = []
    told: list[int] = []

    def progress(stage: str, done: int, total: int) -> None:
        if stage != READING:
            return
        told.append(done)
        if not killed and 0 < done < total:
            with distributed.Client(local.scheduler_address, set_as_default=False) as client:
                killed.append(next(iter(client.run(os.getpid).values())))
            os.kill(killed[0], signal.SIGKILL)

    def refuse(*_: Any) -> None:
        raise AssertionError("read here")

    monkeypatch.setattr(row_sums, "open_arrays", refuse)
    with cluster(local.scheduler_address) as (executor, workers):
        draw_run("run", ["there.gif"], options, Reading(), Writing(None, workers, executor), progress=progress)
    assert killed
    assert told == sorted(told)
    assert told[-1] == snapshots
    assert Path("there.gif").read_bytes() == Path("here.gif").read_bytes()


def test_the_command_draws_on_a_cluster(local: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        result_folder(tmp_path / name)
    sizes = ["--figsize", "3,2", "--dpi", "60"]
    command = ["render", "a", "b", *sizes, "--quiet", "-o"]
    there = CliRunner().invoke(main, [*command, "{run}-cluster.gif", "--scheduler", local.scheduler_address])
    here = CliRunner().invoke(main, [*command, "{run}-here.gif", "--jobs", "1"])
    assert (there.exit_code, here.exit_code) == (0, 0), there.output
    for name in "ab":
        assert (tmp_path / f"{name}-cluster.gif").read_bytes() == (tmp_path / f"{name}-here.gif").read_bytes()


def test_no_scheduler_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    real = distributed.Client
    monkeypatch.setattr(distributed, "Client", lambda *args, **options: real(*args, **{**options, "timeout": 0.2}))
    with (
        pytest.raises(WorkerError, match=r"^no Dask scheduler answers at 'tcp://127\.0\.0\.1:9'"),
        cluster("tcp://127.0.0.1:9"),
    ):
        pass


def test_without_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(WorkerError) as caught, cluster("tcp://127.0.0.1:8786"):
        pass
    assert str(caught.value) == (
        f"a scheduler needs the package 'distributed', which is not installed: {how_to_install('dask')}"
    )


def test_a_cluster_that_loses_its_only_worker_is_given_up(
    animation: Animation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "WITHOUT_WORKERS_S", 0.2)
    monkeypatch.setattr(clusters, "LOOK_EVERY_S", 0.1)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None, silence_logs="CRITICAL"
    ) as running:

        def progress(_done: int, _total: int) -> None:
            running.scale(0)

        with (
            pytest.raises(WorkerError, match=r"has had no workers for 0\.2 s \(start one, or"),
            cluster(running.scheduler_address) as (executor, workers),
        ):
            animation.write(tmp_path / "cluster.gif", executor=executor, jobs=workers, progress=progress)
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


@pytest.mark.parametrize(("there", "told"), [("0.0.9", "nnanim 0.0.9"), (None, "no nnanim")])
def test_a_worker_with_another_version_is_refused_by_name(there: str | None, told: str) -> None:
    class Client:
        def get_versions(self, packages: list[str]) -> dict[str, Any]:
            here = dict.fromkeys(packages, "1.0")
            return {
                "client": {"packages": here},
                "workers": {"tcp://a:1": {"packages": here}, "tcp://b:2": {"packages": {**here, "nnanim": there}}},
            }

    with pytest.raises(WorkerError) as caught:
        clusters.check_versions(Client())
    assert str(caught.value) == (
        f"the Dask worker 'tcp://b:2' has {told}, and here is nnanim 1.0 (install the same version on all machines)"
    )
