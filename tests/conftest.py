from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from nnanim.reading.snapshots.chainer_model import import_chainer

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


@pytest.fixture
def result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The relative path ``result``, not made yet, in an empty current folder: messages then hold no machine's path."""
    monkeypatch.chdir(tmp_path)
    return Path("result")
