"""What docs/large.md says of a run of 70 billion parameters, computed from headers alone: no such file is read."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnanim.frames.readers import Readers
from nnanim.frames.row_sums import Stretch
from nnanim.frames.rows import read_rows
from nnanim.model.weight_rows import rows_of
from nnanim.options import Options
from nnanim.reading.snapshots.contents import ArrayHeader
from nnanim.reading.snapshots.safetensors import Place, SafetensorsContents

PAGE = Path(__file__).resolve().parent.parent / "docs" / "large.md"
BLOCKS, SNAPSHOTS, THREADS, SHARDS = 80, 50, 64, 30
WIDTH, INNER, GROUPED, WORDS = 8192, 28672, 1024, 128_256


def shapes() -> dict[str, tuple[int, ...]]:
    """Return the tensors of a decoder of 70 billion parameters with grouped keys and values."""
    found: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (WORDS, WIDTH)}
    for block in range(BLOCKS):
        at = f"model.layers.{block}"
        for name, out in (("q", WIDTH), ("k", GROUPED), ("v", GROUPED), ("o", WIDTH)):
            found[f"{at}.self_attn.{name}_proj.weight"] = (out, WIDTH)
        found[f"{at}.mlp.gate_proj.weight"] = found[f"{at}.mlp.up_proj.weight"] = (INNER, WIDTH)
        found[f"{at}.mlp.down_proj.weight"] = (WIDTH, INNER)
        found[f"{at}.input_layernorm.weight"] = found[f"{at}.post_attention_layernorm.weight"] = (WIDTH,)
    return found | {"model.norm.weight": (WIDTH,), "lm_head.weight": (WORDS, WIDTH)}


@dataclass(frozen=True)
class Headers:
    """A snapshot of which there is no file."""

    contents: SafetensorsContents


@pytest.fixture(scope="module")
def counted() -> dict[str, float]:
    tensors = shapes()
    headers = tuple(ArrayHeader(key, shape, "bfloat16") for key, shape in tensors.items())
    rows = rows_of(headers)
    snapshots: Any = [
        Headers(
            SafetensorsContents(
                path=Path(f"/shared/run/checkpoint-{epoch}/model.safetensors.index.json"),
                weights=(),
                tensors=headers,
                places={
                    key: Place(
                        Path(f"/shared/run/checkpoint-{epoch}/model-{place * SHARDS // len(tensors):05}.safetensors"),
                        "BF16",
                        shape,
                        0,
                    )
                    for place, (key, shape) in enumerate(tensors.items())
                },
            )
        )
        for epoch in range(SNAPSHOTS)
    ]
    tasks: list[Stretch] = []

    def do(_work: Callable[[Any], Any], stretches: Iterable[Any], /) -> Iterator[Any]:
        for stretch in stretches:
            tasks.append(stretch)
            yield np.ones((2, len(stretch.contents), len(stretch.rows)))

    read_rows(snapshots, Options(), rows=rows, readers=Readers(do, THREADS, are_elsewhere=True))
    sizes = [
        len(task.contents) * sum(2 * prod(tensors[key]) for row in task.rows for key in row.keys) for task in tasks
    ]
    of_weights = 2 * sum(prod(shape) for shape in tensors.values() if len(shape) > 1)
    files = [{place.path for each in task.contents for place in each.places.values()} for task in tasks]
    return {
        "parameters": sum(map(prod, tensors.values())),
        "rows": len(rows),
        "tasks": len(tasks),
        "run_tb": SNAPSHOTS * of_weights / 1e12,
        "read_tb": np.sum(sizes) / 1e12,
        "read_share": np.sum(sizes) / (SNAPSHOTS * of_weights),
        "largest_task_gb": np.max(sizes) / 1e9,
        "sent_kb": max(len(pickle.dumps(task)) for task in tasks) / 1e3,
        "all_sent_mb": sum(len(pickle.dumps(task)) for task in tasks) / 1e6,
        "returned_kb": sum(16 * len(task.contents) * len(task.rows) for task in tasks) / 1e3,
        "open_files": max(map(len, files)),
    }


def test_nothing_is_read_twice_but_a_reference(counted: dict[str, float]) -> None:
    assert counted["parameters"] == pytest.approx(70.6e9, rel=0.01)
    assert counted["rows"] == 7 * BLOCKS + 2
    assert 1 < counted["read_share"] <= 1.1
    assert counted["open_files"] < 256  # of which macOS allows no more


def test_the_page_says_what_was_counted(counted: dict[str, float]) -> None:
    told = dict(re.findall(r"^\| ([^|]+?) +\| ([0-9.,]+)", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    for name, key, digits in (
        ("rows of the picture", "rows", 0),
        ("tasks", "tasks", 0),
        ("TB in the run's weights", "run_tb", 2),
        ("TB read", "read_tb", 2),
        ("GB read by the longest task", "largest_task_gb", 1),
        ("KB returned by all tasks", "returned_kb", 0),
        ("files open at most in a task", "open_files", 0),
    ):
        assert told[name] == f"{counted[key]:.{digits}f}", name
    # Releases of Python pickle otherwise.
    assert float(told["KB sent with the largest task"]) == pytest.approx(counted["sent_kb"], rel=0.2)
