"""Folders of torch.distributed.checkpoint, written byte by byte: parts of tensors, and what a file may say of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from archives import PROTO, STOP, call, name, plain, tensor, write

from nnanim import NnanimError, open_run
from nnanim.reading.containers.file_slice import FileSlice

FIXTURE = Path(__file__).resolve().parent / "fixtures" / "torch-dcp"
WHERE = "torch.distributed.checkpoint"
WHOLE = np.arange(20, dtype="<f4").reshape(5, 4)
Index = tuple[int, ...]
UPPER, LOWER = (0, 0), (3, 0)
PARTS = {UPPER: (3, 4), LOWER: (2, 4)}
ARRAYS = {UPPER: WHOLE[:3], LOWER: WHOLE[3:]}
NO_STARTS: dict[Index, int] = {}


def made(kind: str, **state: Any) -> bytes:
    """Return operations that push an object of a class with these attributes."""
    module, _, attribute = kind.rpartition(".")
    return name(f"{WHERE}.{module}", attribute) + b")\x81" + plain(state) + b"b"


def size(*sizes: int) -> bytes:
    return call(name("torch", "Size"), sizes)


def described(shape: Index, parts: Mapping[Index, Index], dtype: str = "float32") -> bytes:
    properties = name(f"{WHERE}.metadata", "TensorProperties") + b")\x81" + plain((name("torch", dtype), False)) + b"b"
    chunks = [
        made("metadata.ChunkStorageMetadata", offsets=size(*at), sizes=size(*sizes)) for at, sizes in parts.items()
    ]
    return made("metadata.TensorStorageMetadata", properties=properties, size=size(*shape), chunks=chunks)


def save(
    folder: Path,
    *,
    shape: Index = (5, 4),
    parts: Mapping[Index, Index] = PARTS,
    arrays: Mapping[Index, np.ndarray] = ARRAYS,
    dtype: str = "float32",
    file: str = "__0_0.distcp",
    starts: Mapping[Index, int] = NO_STARTS,
    counter: Any = 7,
    paths: bytes | dict[str, Any] | None = None,
) -> Path:
    """Write a checkpoint of one weight, ``model.fc.weight``, in parts, and of a counter."""
    folder.mkdir(exist_ok=True)
    data, stored = b"", []
    for at, array in arrays.items():
        write(folder / "part", tensor("0", array.shape), {"0": array})
        stored.append(("model.fc.weight", at, len(data), (folder / "part").stat().st_size))
        data += (folder / "part").read_bytes()
    write(folder / "part", counter)
    stored.append(("epoch", None, len(data), (folder / "part").stat().st_size))
    (folder / "__0_0.distcp").write_bytes(data + (folder / "part").read_bytes())
    (folder / "part").unlink()
    places = b"}("
    for key, at, start, length in stored:
        index = made("metadata.MetadataIndex", fqn=key, offset=None if at is None else size(*at), index=0)
        start = starts.get(at or (), start)
        places += index + made("filesystem._StorageInfo", relative_path=file, offset=start, length=length)
    if paths is None:
        paths = {"model.fc.weight": ("model", "fc.weight"), "epoch": ("epoch",)}
    known = {"model.fc.weight": described(shape, parts, dtype), "epoch": made("metadata.BytesStorageMetadata")}
    said = made("metadata.Metadata", state_dict_metadata=known, planner_data=paths, storage_data=places + b"u")
    (folder / ".metadata").write_bytes(PROTO + said + STOP)
    return folder


def test_parts_are_put_together(tmp_path: Path) -> None:
    save(tmp_path / "step-3")
    run = open_run(tmp_path)
    (layer,) = run.snapshots[0].read()
    assert (layer.name, run.format) == ("fc", "pytorch")
    assert np.array_equal(layer.weight, WHOLE)
    assert run.snapshots[0].epoch == 7
    assert {path.name for path in run.files} == {".metadata", "__0_0.distcp"}


def test_folders_may_be_called_anything(tmp_path: Path) -> None:
    for number in (1, 2):
        save(tmp_path / f"mine_{number}.ckpt", counter=number)
    run = open_run(tmp_path)
    assert [run.name_of(snapshot) for snapshot in run.snapshots] == ["mine_1.ckpt/.metadata", "mine_2.ckpt/.metadata"]
    assert len(open_run(tmp_path / "mine_2.ckpt").snapshots) == 1


def test_without_the_paths_names_tell(tmp_path: Path) -> None:
    save(tmp_path / "step-3", paths=b"N")
    assert [layer.key for layer in open_run(tmp_path).layers] == ["model.fc.weight"]


def test_optimizer_in_a_folder_of_its_own_is_left_out(tmp_path: Path) -> None:
    # As accelerate writes them: checkpoint-3/pytorch_model_fsdp_0 and checkpoint-3/optimizer_0.
    (tmp_path / "checkpoint-3").mkdir()
    save(tmp_path / "checkpoint-3" / "pytorch_model_fsdp_0")
    save(tmp_path / "checkpoint-3" / "optimizer_0", paths={"model.fc.weight": ("optimizer", "state", "fc.exp_avg")})
    run = open_run(tmp_path)
    assert [run.name_of(each) for each in run.snapshots] == ["checkpoint-3/pytorch_model_fsdp_0/.metadata"]


def test_optimizer_is_not_drawn() -> None:
    assert {header.key for header in open_run(FIXTURE).tensors} == {
        f"{layer}.{what}" for layer in ("fc1", "fc2", "fc3", "out") for what in ("weight", "bias")
    }


def test_checkpoint_whose_saving_was_cut_off(tmp_path: Path) -> None:
    save(tmp_path / "step-3")
    (tmp_path / "step-3" / ".metadata").unlink()
    with pytest.raises(NnanimError, match=r"'step-3/__0_0\.distcp' is part of .* whose \.metadata is missing"):
        open_run(tmp_path)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a part outside of the tensor": ({"parts": {UPPER: (3, 4), LOWER: (3, 4)}}, "outside of its shape"),
    "a part of other axes": ({"parts": {(0,): (5,)}}, "other axes"),
    "a part that is missing": ({"parts": {UPPER: (3, 4)}}, "is not whole"),
    "a part without a place": ({"arrays": {UPPER: WHOLE[:3]}}, "is not whole"),
    "a part of another shape": ({"arrays": {UPPER: WHOLE[:2], LOWER: WHOLE[3:]}}, "described as something else"),
    "numbers of another type": ({"dtype": "float64"}, "described as something else"),
    "a tensor of 4 TB": ({"shape": (2**20, 2**20), "parts": {UPPER: (2**20, 2**20)}}, "at most 1073741824 bytes"),
    "sizes below 0": ({"shape": (-5, 4)}, "impossible shape"),
    "a file elsewhere": ({"file": "../step-3/__0_0.distcp"}, "lie beside"),
    "a file that is missing": ({"file": "__9_9.distcp"}, r"cannot read .*__9_9\.distcp"),
    "a part behind the file's end": ({"starts": {LOWER: 2**40}}, "is truncated"),
    "a part before the file's beginning": ({"starts": {LOWER: -1}}, "not where it is"),
    "a part in the middle of another": ({"starts": {LOWER: 10}}, "damaged, or packed in a way that is not read"),
}


@pytest.mark.parametrize("what", WRONG)
def test_damage_is_one_sentence(tmp_path: Path, what: str) -> None:
    change, said = WRONG[what]
    save(tmp_path / "step-3", **change)
    with pytest.raises(NnanimError, match=said):
        open_run(tmp_path).snapshots[0].read()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders here")
@pytest.mark.parametrize("file", [".metadata", "__0_0.distcp"])
def test_pipe_is_not_waited_for(tmp_path: Path, file: str) -> None:
    save(tmp_path / "step-3")
    (tmp_path / "step-3" / file).unlink()
    os.mkfifo(tmp_path / "step-3" / file)  # nobody ever writes into it
    with pytest.raises(NnanimError):
        open_run(tmp_path).snapshots[0].read()


def test_nothing_is_called(tmp_path: Path) -> None:
    target = tmp_path / "ran"
    save(tmp_path / "step-3", counter=call(name("os", "mkdir"), str(target)))
    run = open_run(tmp_path)
    assert run.snapshots[0].epoch is None
    assert not target.exists()


def test_truncated_anywhere(tmp_path: Path) -> None:
    save(tmp_path / "step-3")
    file = tmp_path / "step-3" / ".metadata"
    data = file.read_bytes()
    for length in range(0, len(data), 7):
        file.write_bytes(data[:length])
        with pytest.raises(NnanimError):
            open_run(tmp_path)


def test_run_further_down_is_named(tmp_path: Path) -> None:
    shutil.copytree(FIXTURE, tmp_path / "deep" / "er")
    with pytest.raises(NnanimError, match=r"nnanim render .*deep/er"):
        open_run(tmp_path)


def test_part_of_a_file_ends_where_it_ends(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(range(20)))
    with (tmp_path / "file").open("rb") as file:
        part = FileSlice(file, 5, 6)
        assert part.read() == bytes(range(5, 11))
        assert part.seek(-2, os.SEEK_END) == 4
        assert part.read(100) == bytes([9, 10])
        assert part.seek(9) == 9
        assert part.read(1) == b""
        with pytest.raises(ValueError, match="begins at 0"):
            part.seek(-10, os.SEEK_CUR)
