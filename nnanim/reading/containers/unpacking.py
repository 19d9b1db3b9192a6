"""How much is unpacked: a file of a megabyte must not become a gigabyte in memory, nor take hours."""

from __future__ import annotations

from nnanim.errors import SnapshotError

FREE_BYTES = 2**26  # are unpacked at once in any case
STREAMED_BYTES = 2**32  # of a file are unpacked some at a time in any case, which takes seconds
BEST_RATIO = 100  # of weights; those of which 99 in 100 are zero have about 30, and deflate's best is 1032


def check_unpacked(what: str, unpacked_bytes: int, packed_bytes: int) -> None:
    """Refuse to hold in memory what unpacks to far more than weights do.

    Args:
        what: begins the sentence, ``"'W' in snapshot 'a.npz'"``.
        unpacked_bytes: what it would take in memory.
        packed_bytes: what it takes in its file.

    Raises:
        SnapshotError: it is refused.
    """
    if unpacked_bytes > max(FREE_BYTES, BEST_RATIO * packed_bytes):
        raise SnapshotError(
            f"{what} unpacks from {packed_bytes} to {unpacked_bytes} bytes (more than {FREE_BYTES} are unpacked at"
            f" once only where they are at most {BEST_RATIO} times those in the file; --view layers reads some at a"
            " time)"
        )


def check_streamed(where: str, unpacked_bytes: int, file_bytes: int) -> None:
    """Refuse to unpack a file, however little memory that takes, that would take hours.

    Weights of zeros, as at the start of a training, are packed a thousand times smaller, and are read.

    Args:
        where: the file's name.
        unpacked_bytes: of all in it that is packed.
        file_bytes: its size.

    Raises:
        SnapshotError: it is refused.
    """
    most = max(STREAMED_BYTES, BEST_RATIO * file_bytes)
    if unpacked_bytes > most:
        raise SnapshotError(
            f"snapshot {where!r} of {file_bytes} bytes unpacks to {unpacked_bytes} (at most {most} are unpacked,"
            f" {BEST_RATIO} times as many as in the file or {STREAMED_BYTES}; save it without compression)"
        )
