"""What any reader must do at least: ``numpy_pass.py FILE...`` maps snapshots and sums squares, of a zip its CRC-32 too.

Sums of squares of every tensor, and of its squared differences to that in the first file; a piece of each that stays in
the cache of a CPU, which took less time than whole tensors. Prints how long it took without imports, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np

PIECE = 1 << 16


def safetensors_in(path: Path) -> dict[str, np.ndarray]:
    """Map a file and return its tensors, (n,) float32."""
    whole = np.memmap(path, mode="r")
    begin = 8 + int.from_bytes(whole[:8].tobytes(), "little")
    header = json.loads(whole[8:begin].tobytes())
    places = {key: tensor["data_offsets"] for key, tensor in header.items()}
    return {key: whole[begin + first : begin + last].view("<f4") for key, (first, last) in places.items()}


def storages_in(path: Path) -> dict[str, np.ndarray]:
    """Map a PyTorch file and return its storages, (n,) float32."""
    whole = np.memmap(path, mode="r")
    storages = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if "/data/" in member.filename:
                start = member.header_offset
                names = int.from_bytes(whole[start + 26 : start + 28], "little")
                names += int.from_bytes(whole[start + 28 : start + 30], "little")
                begin = start + 30 + names
                storages[member.filename] = np.frombuffer(whole[begin : begin + member.file_size], "<f4")
    return storages


def main(paths: list[Path]) -> None:
    begun, cpu = time.perf_counter(), time.process_time()
    is_zip = paths[0].suffix == ".pt"
    files = [storages_in(path) if is_zip else safetensors_in(path) for path in paths]
    total = 0.0
    for key, first in files[0].items():
        sums = [0] * len(files)
        for start in range(0, len(first), PIECE):
            reference = first[start : start + PIECE]
            for place, file in enumerate(files):
                numbers = file[key][start : start + PIECE]
                if is_zip:
                    sums[place] = zlib.crc32(numbers, sums[place])
                total += float(np.dot(numbers, numbers))
                if place:
                    apart = numbers - reference
                    total += float(np.dot(apart, apart))
    print(json.dumps({"pass_s": time.perf_counter() - begun, "pass_cpu_s": time.process_time() - cpu, "sum": total}))


if __name__ == "__main__":
    main([Path(path) for path in sys.argv[1:]])
