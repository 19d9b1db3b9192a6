"""Unpacking of Zstandard: Python 3.14 has it, before that a package brings the same.

Source: https://docs.python.org/3.14/library/compression.zstd.html
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from nnanim.extras import how_to_install

_MODULES = ("compression.zstd", "backports.zstd")


class ZstdError(ValueError):
    """It cannot be unpacked; the message ends the sentence "it …"."""


def unpack_zstd(data: bytes, most_bytes: int) -> bytes:
    """Unpack what one frame of Zstandard holds.

    Args:
        data: the frame.
        most_bytes: that may come out.

    Raises:
        ZstdError: it is damaged or larger, or no module is there that unpacks it.
    """
    module = _module()
    if module is None:
        raise ZstdError(f"is packed by Zstandard, which takes another package (type: {how_to_install('orbax')})")
    unpacking = module.ZstdDecompressor()
    try:
        unpacked: bytes = unpacking.decompress(data, most_bytes + 1)
    except module.ZstdError as error:
        raise ZstdError("is damaged") from error
    if len(unpacked) > most_bytes:
        raise ZstdError(f"unpacks to more than {most_bytes} bytes")
    if not unpacking.eof or unpacking.unused_data:
        raise ZstdError("is damaged")
    return unpacked


def _module() -> ModuleType | None:
    for name in _MODULES:
        try:
            return import_module(name)
        except ImportError:
            continue
    return None
