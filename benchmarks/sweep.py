"""Measure how long a sweep takes to be compared, and how much memory: statistics alone, no pictures.

Makes runs of random walks of weights in two groups, and compares them in processes of their own: with one process, with
several, and on a Dask cluster of this machine. CPU time and memory are of all processes, but for the cluster's workers.

Usage: python benchmarks/sweep.py [--runs 50 200] [--snapshots 50] [--shape 64,64,64,10] [--jobs 2] [--dask]
"""

from __future__ import annotations

import argparse
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from measuring import Entry, Measurement, measure


def make_run(folder: Path, shape: tuple[int, ...], snapshots: int, seed: int) -> None:
    """Write a run whose weights walk at random."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    arrays = {f"fc{place}.weight": random.normal(size=sizes[::-1]) for place, sizes in enumerate(pairwise(shape), 1)}
    for snapshot in range(snapshots):
        arrays = {key: value + 0.02 * random.normal(size=value.shape) for key, value in arrays.items()}
        single = {key: value.astype(np.float32) for key, value in arrays.items()}
        np.savez(folder / f"model_{snapshot:04}.npz", **single)


def compared(root: Path, runs: int, *how: str) -> Measurement:
    """Compare so many runs in two groups.

    Raises:
        SystemExit: nnanim fails, or tells of fewer runs.
    """
    groups = [f"--group={name}={root}/{runs}/{name}-*" for name in ("a", "b")]
    arguments = ("-m", "nnanim", "compare", *groups, "--quiet", "--json", *how)
    found = measure(Entry("nnanim", f"{runs} runs", arguments, output=None))
    told: Any = found and found.told
    if found is None or len(told["runs"]) != runs:
        raise SystemExit(f"{runs} runs were not compared")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, nargs="+", default=[50, 200])
    parser.add_argument("--snapshots", type=int, default=50)
    parser.add_argument("--shape", default="64,64,64,10")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--dask", action="store_true", help="also on a Dask cluster of so many workers")
    args = parser.parse_args()
    shape = tuple(map(int, args.shape.split(",")))
    with tempfile.TemporaryDirectory(prefix="nnanim-sweep-") as folder:
        root = Path(folder)
        most = max(args.runs)
        for seed in range(most):
            make_run(root / "all" / f"{'ab'[seed % 2]}-{seed:04}", shape, args.snapshots, seed)
        for runs in args.runs:
            (root / str(runs)).mkdir()
            for each in sorted((root / "all").iterdir(), key=lambda path: path.name[2:])[:runs]:
                (root / str(runs) / each.name).symlink_to(each)
        print(f"| {args.snapshots} snapshots a run, {args.shape} | wall s | CPU s | peak MB |")
        print("|---|---|---|---|")
        for runs in args.runs:
            for jobs in dict.fromkeys((1, args.jobs)):
                tell(f"{runs} runs, --jobs {jobs}", compared(root, runs, "--jobs", str(jobs)))
        if args.dask:
            from distributed import LocalCluster

            with LocalCluster(n_workers=args.jobs, threads_per_worker=1, dashboard_address=None) as cluster:
                for runs in args.runs:
                    found = compared(root, runs, "--scheduler", cluster.scheduler_address)
                    tell(f"{runs} runs, --scheduler with {args.jobs} workers", found)


def tell(what: str, found: Measurement) -> None:
    print(f"| {what} | {found.wall_s:.1f} | {found.cpu_s:.1f} | {found.peak_mb:.0f} |", flush=True)


if __name__ == "__main__":
    main()
