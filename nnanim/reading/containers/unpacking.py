"""How much is unpacked: a file of a megabyte must not become a gigabyte in memory."""

from __future__ import annotations

from nnanim.errors import SnapshotError

FREE_BYTES = 2**26  # are unpacked in any case
BEST_RATIO = 100  # of weights; those of which 99 in 100 are zero have about 30, and deflate's best is 1032


def check_unpacked(what: str, unpacked_bytes: int, packed_bytes: int) -> None:
    """Refuse what unpacks to far more than weights do.

    Args:
        what: begins the sentence, ``"'W' in snapshot 'a.npz'"``.
        unpacked_bytes: what it would take in memory.
        packed_bytes: what it takes in its file.

    Raises:
        SnapshotError: it is refused.
    """
    if unpacked_bytes > max(FREE_BYTES, BEST_RATIO * packed_bytes):
        raise SnapshotError(
            f"{what} unpacks from {packed_bytes} to {unpacked_bytes} bytes (more than {FREE_BYTES} are unpacked"
            f" only where they are at most {BEST_RATIO} times those in the file)"
        )
