from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Player, chromium
from hypothesis import settings

from nnanim.reading.snapshots.chainer_model import import_chainer
from nnanim.reading.streams import FileStream, MemberStream

# No test asserts on time: machines are shared. The same examples every time: a change fails for its own reasons.
settings.register_profile("nnanim", deadline=None, derandomize=True)
settings.load_profile("nnanim")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regenerate", action="store_true", help="write the golden files in tests/golden anew")


@pytest.fixture(scope="session")
def chainer() -> Any:
    """Chainer, imported as nnanim does; tests that ask for it are skipped where it is not installed."""
    try:
        return import_chainer()
    except ImportError as error:
        pytest.skip(f"needs Chainer: {error}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium; tests that ask for it are skipped where it or Playwright is missing."""
    with chromium() as started:
        yield started


@pytest.fixture
def player(browser: Any, file: Path) -> Iterator[Player]:
    """The page in the `file` of the test's module, which must ask for nothing and do nothing wrong."""
    player = Player(browser, file)
    yield player
    player.context.close()
    assert player.wrong == []
    assert player.requests == [file.as_uri()]


@pytest.fixture
def result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The relative path ``result``, not made yet, in an empty current folder: messages then hold no machine's path."""
    monkeypatch.chdir(tmp_path)
    return Path("result")


@pytest.fixture
def bytes_read(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the bytes of numbers that are taken from files, and from members of archives."""
    count: Counter[str] = Counter()
    in_file, in_member = FileStream.read, MemberStream._bytes

    def from_file(self: FileStream, wanted: int, scratch: np.ndarray) -> np.ndarray:
        before = self._at
        got = in_file(self, wanted, scratch)
        count["files"] += self._at - before
        return got

    def from_member(self: MemberStream, size: int) -> bytes:
        data = in_member(self, size)
        count["members"] += len(data)
        return data

    monkeypatch.setattr(FileStream, "read", from_file)
    monkeypatch.setattr(MemberStream, "_bytes", from_member)
    return count
