"""Snapshots that ``torch.distributed.checkpoint`` writes: a folder with ``.metadata`` and files of pieces.

What was saved is read as what ``torch.save`` writes of the same is: see `nnanim.reading.snapshots.torch_state`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nnanim.reading.containers.torch_dcp import Piece, Pieces, read_metadata
from nnanim.reading.snapshots.contents import Arrays, Contents
from nnanim.reading.snapshots.pytorch import FORMAT as PYTORCH
from nnanim.reading.snapshots.pytorch import TorchContents, describe
from nnanim.reading.snapshots.torch_state import COUNTERS, find_state

if TYPE_CHECKING:
    from typing_extensions import Self

FORMAT = "torch_dcp"
_MAX_COUNTER_BYTES = 2**14


@dataclass(frozen=True)
class DcpContents(TorchContents):
    """What a checkpoint says of itself, with the places of all pieces."""

    pieces: dict[str, list[Piece]] = field(default_factory=dict, repr=False, compare=False)

    def only(self, keys: Iterable[str]) -> Self:
        """Return as much as takes to read some arrays; the pieces are listed by the names of the storages."""
        less = super().only(keys)
        names = {tensor.storage.key for tensor in less.places.values()}
        return replace(less, pieces={name: self.pieces[name] for name in self.pieces if name in names})


def look(path: Path) -> DcpContents | None:
    """Read counters, names and shapes of a snapshot, but no weights; None where it holds none.

    Args:
        path: its ``.metadata``.

    Raises:
        SnapshotError: the checkpoint cannot be read.
    """
    checkpoint = read_metadata(path)
    with ExitStack() as stack:
        pieces = Pieces(path, checkpoint.pieces, stack)
        counters = [name for name in COUNTERS if name in checkpoint.pieces and name not in checkpoint.tensors]
        counted = {name: pieces.object(name, _MAX_COUNTER_BYTES) for name in counters}
    found = describe(path, find_state(checkpoint.nested(counted)))
    if found is None:
        return None
    parts = tuple(sorted({path.parent / piece.file for each in checkpoint.pieces.values() for piece in each}))
    others = tuple(_with(other, checkpoint.pieces, parts) for other in found.others)
    return _with(found, checkpoint.pieces, parts, others)


def _with(
    found: Contents, pieces: dict[str, list[Piece]], parts: tuple[Path, ...], others: tuple[Contents, ...] = ()
) -> DcpContents:
    known = found.given()
    known |= {"format": FORMAT, "written_by": PYTORCH, "pieces": pieces, "parts": parts, "others": others}
    return DcpContents(**known)


class _Open:
    """The tensors of a checkpoint."""

    def __init__(self, contents: DcpContents, stack: ExitStack) -> None:
        self._places = contents.places
        self._pieces = Pieces(contents.path, contents.pieces, stack)

    def read(self, key: str) -> np.ndarray:
        """Read one tensor, as `nnanim.reading.snapshots.contents.Arrays` says."""
        return self._pieces.array(self._places[key])


@contextmanager
def open_arrays(contents: Contents) -> Iterator[Arrays]:
    """Open a snapshot to read its tensors one at a time."""
    assert isinstance(contents, DcpContents)
    with ExitStack() as stack:
        yield _Open(contents, stack)
