from __future__ import annotations

import threading
from pathlib import Path

import pytest

from nnanim.watching.waiting import Waiting


def test_a_change_ends_the_waiting(tmp_path: Path) -> None:
    pytest.importorskip("watchfiles", reason="nnanim[watch] is not installed")
    is_over = threading.Event()

    def train() -> None:
        number = 0
        while not is_over.wait(0.2):
            number += 1
            (tmp_path / f"{number}.npz").write_bytes(b"1")

    training = threading.Thread(target=train)
    training.start()
    with Waiting(tmp_path, interval_s=3600) as waiting:
        waiting.wait()
        waiting.wait()
    is_over.set()
    training.join()


def test_a_folder_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    with Waiting(tmp_path / "result", interval_s=0.01) as waiting:
        waiting.wait()
        (tmp_path / "result").mkdir()
        waiting.wait()
        (tmp_path / "result").rmdir()
        waiting.wait()


def test_nothing_needs_to_be_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnanim.watching.waiting.IMPORT_NAME", "no_such_module")
    slept: list[float] = []
    monkeypatch.setattr("nnanim.watching.waiting.time.sleep", slept.append)
    with Waiting(tmp_path, interval_s=5) as waiting:
        waiting.wait()
    assert len(slept) == 1
