"""Write tests/fixtures/chunks.h5 with h5py: groups as Chainer's links, in chunks that are packed in several ways."""

from pathlib import Path

import h5py
import numpy as np

TARGET = Path(__file__).resolve().parent.parent / "fixtures" / "chunks.h5"


def main() -> None:
    with h5py.File(TARGET, "w") as file:
        first = file.create_group("predictor/l1")
        first["W"] = np.arange(35, dtype="<f4").reshape(7, 5)
        first.create_dataset("b", data=np.arange(7, dtype="<f4"), compression="gzip")
        second = file.create_group("predictor/l2")
        values = np.arange(21, dtype="<f8").reshape(3, 7) - 10
        second.create_dataset(
            "W", data=values, chunks=(2, 3), compression="gzip", compression_opts=4, shuffle=True, fletcher32=True
        )
        second.create_dataset("b", data=np.ones(3, "<f4"), chunks=(2,))
        second.create_dataset("empty", shape=(4,), dtype="<f4", chunks=(2,))


if __name__ == "__main__":
    main()
