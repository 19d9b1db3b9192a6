"""Snapshots in shards: an index that says which tensor is in which file beside it.

Source: ``save_pretrained`` of Transformers 5.24: ``{"metadata": {…}, "weight_map": {key: file}}``.
"""

from __future__ import annotations

import json
from pathlib import Path

from nnanim.errors import SnapshotError
from nnanim.reading.containers.regular_file import is_plain_name, lies_with, open_regular

SAFETENSORS_INDEX = ".safetensors.index.json"
PYTORCH_INDEX = ".bin.index.json"
MAX_INDEX_BYTES = 2**26


def read_index(path: Path) -> list[Path]:
    """Return the files that an index names, in its order, each once.

    Raises:
        SnapshotError: the index cannot be read, is none, or names a file elsewhere.
    """
    try:
        with open_regular(path) as file:
            text = file.read(MAX_INDEX_BYTES + 1)
    except OSError as error:
        raise SnapshotError(f"cannot read index {str(path)!r}: {error.strerror}") from error
    if len(text) > MAX_INDEX_BYTES:
        raise SnapshotError(f"index {str(path)!r} is too large (at most {MAX_INDEX_BYTES} bytes are read)")
    try:
        index = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SnapshotError(f"index {str(path)!r} is truncated or damaged (an index is JSON)") from error
    files = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(files, dict) or not files or not all(isinstance(file, str) for file in files.values()):
        raise SnapshotError(f"index {str(path)!r} has no weight_map (it says which tensor is in which file)")
    names = list(dict.fromkeys(files.values()))
    for name in names:
        if not is_plain_name(name):
            raise SnapshotError(f"index {str(path)!r} names the file {name!r} (shards lie beside their index)")
    shards = [path.parent / name for name in names]
    for shard in shards:
        if not lies_with(shard, path):
            raise SnapshotError(
                f"{str(shard)!r}, which index {str(path)!r} names, is a link that leads out of its folder"
                " (such a link is followed only to where the index itself lies, or to the 'blobs' of a model cache)"
            )
    return shards
