"""Say how often groups of real runs that differ in nothing but their seeds are told to differ.

Trains a pool of runs of one setting of sample_results/train_effects.py, draws two disjoint groups from it many times,
and counts the draws in which any statistic differs beyond the seeds.

Usage: python benchmarks/seeds.py [--pool 24] [--setting relu] [--epochs 500] [--draws 2000]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from math import sqrt
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "sample_results"))

from nnanim.comparing.groups import compare_groups
from nnanim.comparing.measuring import Task, measure
from nnanim.comparing.statistics import STATISTICS


def measured_pool(setting: str, size: int, epochs: int) -> np.ndarray:
    """Train runs and return their statistics, (size, K)."""
    from train_effects import SETTINGS, train

    rows = []
    with tempfile.TemporaryDirectory(prefix="nnanim-seeds-") as folder:
        for seed in range(size):
            train(SETTINGS[setting], Path(folder) / str(seed), seed, epochs)
            values = measure(Task(Path(folder) / str(seed))).values
            rows.append([values[statistic.name, None] for statistic in STATISTICS])
    return np.array(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pool", type=int, default=24, help="runs to train (default: %(default)s)")
    parser.add_argument("--setting", default="relu", help="of sample_results/train_effects.py (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=500)
    parser.add_argument("--draws", type=int, default=2000)
    args = parser.parse_args()
    pool = measured_pool(args.setting, args.pool, args.epochs)
    random = np.random.default_rng(0)
    for size, chance in ((4, 2 / 70), (5, 12 / 252)):
        count = 0
        for _ in range(args.draws):
            chosen = pool[random.permutation(args.pool)[: 2 * size]]
            count += any(verdict.differs for verdict in compare_groups(chosen[:size], chosen[size:]))
        share = count / args.draws
        error = sqrt(chance * (1 - chance) / args.draws)
        print(
            f"{args.pool} runs of {args.setting!r}, {size} against {size}, {args.draws} draws: {share:.2%} differ"
            f" (chance alone: {chance:.2%}, with a standard error of {error:.2%} were the draws independent)"
        )


if __name__ == "__main__":
    main()
