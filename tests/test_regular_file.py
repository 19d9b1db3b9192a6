"""Files that other files name: where they may lie."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from nnanim import NnanimError, open_run
from nnanim.reading.containers.regular_file import lies_with

FIXTURES = Path(__file__).resolve().parent / "fixtures"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")


def test_links_of_a_cache_lie_with_each_other(tmp_path: Path) -> None:
    revision, blobs = tmp_path / "snapshots" / "1a2b", tmp_path / "blobs"
    revision.mkdir(parents=True)
    blobs.mkdir()
    (tmp_path / "secret").touch()
    (blobs / "abc").touch()
    for name, target in {"good": "../../blobs/abc", "bad": "../../secret", "lost": "lost"}.items():
        (revision / name).symlink_to(target)
    index = revision / "index"
    index.touch()
    assert lies_with(revision / "plain", index)
    assert lies_with(revision / "good", index)
    assert not lies_with(revision / "bad", index)
    assert not lies_with(tmp_path / "secret", index)


def test_parts_of_a_distributed_checkpoint_are_no_links_to_elsewhere(tmp_path: Path) -> None:
    result = tmp_path / "result"
    shutil.copytree(FIXTURES / "torch-dcp", result)
    for part in result.rglob("*.distcp"):
        outside = tmp_path / f"{part.parent.name}-{part.name}"
        part.rename(outside)
        part.symlink_to(outside)
    with pytest.raises(NnanimError, match="leads out of its folder"):
        read_all(result)


def read_all(result: Path) -> None:
    run = open_run(result)
    with run.snapshots[0].open() as arrays:
        for header in run.tensors:
            arrays.read(header.key)


def test_a_name_too_long_for_a_file_is_told(tmp_path: Path) -> None:
    result = tmp_path / "result"
    shutil.copytree(FIXTURES / "transformers-sharded", result)
    for index in result.rglob("*.index.json"):
        told = json.loads(index.read_text())
        told["weight_map"] = dict.fromkeys(told["weight_map"], "a." * 200 + "safetensors")
        index.write_text(json.dumps(told))
    with pytest.raises(NnanimError, match="File name too long"):
        open_run(result)
