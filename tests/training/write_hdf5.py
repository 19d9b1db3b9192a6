"""Write tests/fixtures/hdf5-new with h5py: the ways in which newer HDF5 keeps groups, attributes and chunks.

``model_epoch1.h5`` is in the format of HDF5 1.10, ``model_epoch2.h5`` in that of the newest library.
"""

from pathlib import Path

import h5py
import numpy as np

TARGET = Path(__file__).resolve().parent.parent / "fixtures" / "hdf5-new"
MANY = 60  # links and attributes: enough to be kept in a heap with a table of blocks


def write(path: Path, version: str, epoch: int) -> None:
    bytes_from = lambda count: (np.arange(count) % 251).astype("u1")  # noqa: E731
    with h5py.File(path, "w", libver=(version, version)) as file:
        first, second = file.create_group("predictor/l1"), file.create_group("predictor/l2")
        first.create_dataset("W", data=np.arange(35, dtype="<f4").reshape(7, 5) * epoch, chunks=(2, 3))
        first["b"] = np.arange(7, dtype="<f4")
        second.create_dataset(
            "W", data=np.arange(21, dtype="<f8").reshape(3, 7), chunks=(2, 3), compression="gzip", shuffle=True
        )
        second.create_dataset("b", data=np.ones(3, "<f4"), chunks=(2,), maxshape=(None,), fletcher32=True)
        more = file.create_group("more")
        more.create_dataset("single", data=bytes_from(12).reshape(3, 4), chunks=(3, 4))
        more.create_dataset("single_gzip", data=bytes_from(12).reshape(3, 4), chunks=(3, 4), compression="gzip")
        more.create_dataset("paged", data=bytes_from(1100), chunks=(1,))
        more.create_dataset("grows", data=bytes_from(300), chunks=(1,), maxshape=(None,))
        more.create_dataset("grows_second", data=bytes_from(60).reshape(6, 10), chunks=(1, 4), maxshape=(9, None))
        more.create_dataset("grows_a_little", data=bytes_from(60).reshape(6, 10), chunks=(4, 3), maxshape=(20, 14))
        more.create_dataset(
            "tree", data=bytes_from(400).reshape(20, 20), chunks=(2, 1), maxshape=(None, None), compression="gzip"
        )
        more.create_dataset("empty", shape=(4, 5), dtype="u1", chunks=(2, 2), maxshape=(None, 5))
        more["scalar"] = np.float32(3)
        kept = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        kept.set_chunk((2, 3))
        kept.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        space = h5py.h5s.create_simple((7, 5))
        implicit = h5py.h5d.create(more.id, b"implicit", h5py.h5t.STD_U8LE, space, kept)
        implicit.write(h5py.h5s.ALL, h5py.h5s.ALL, bytes_from(35).reshape(7, 5))
        many = file.create_group("many")
        for number in range(MANY):
            many[f"array_{number}"] = np.uint8([number])
            many.attrs[f"attribute_{number}"] = np.bytes_(f"text {number}")
        many.attrs["huge"] = np.bytes_("h" * 66_000)
        many["soft"] = h5py.SoftLink("/more/single")
        ordered = file.create_group("ordered", track_order=True)
        for number in range(20, 0, -1):
            ordered[f"array_{number:02}"] = np.uint8([number])


def main() -> None:
    TARGET.mkdir(exist_ok=True)
    write(TARGET / "model_epoch1.h5", "v110", 1)
    write(TARGET / "model_epoch2.h5", "latest", 2)


if __name__ == "__main__":
    main()
