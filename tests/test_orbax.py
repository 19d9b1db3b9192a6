"""Orbax checkpoints, written byte by byte; tests/fixtures/orbax* are what Orbax itself wrote."""

from __future__ import annotations

import json
import os
import shutil
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from orbax_bytes import (
    branch,
    leaf,
    manifest,
    metadata,
    packed,
    pieces,
    shard,
    varints,
    write_ocdbt,
    write_plain,
    zarr2,
    zarr3,
)

from nnanim import NnanimError, RunError, SnapshotError, open_run
from nnanim.if_changed import fingerprint
from nnanim.options import Options
from nnanim.reading.containers import ocdbt
from nnanim.reading.containers.ocdbt import MANIFEST, Place, crc32c, read_names

FIXTURES = Path(__file__).resolve().parent / "fixtures"
W1, B1 = np.arange(20, dtype="<f4").reshape(4, 5), np.arange(5, dtype="<f4")
W2 = np.arange(15, dtype="<f4").reshape(5, 3)
NETWORK = {"Dense_0": {"kernel": W1, "bias": B1}, "Dense_1": {"kernel": W2}}
WRITERS = {"plain": write_plain, "ocdbt": write_ocdbt}
BYTES = [{"name": "bytes", "configuration": {"endian": "little"}}]
INDEX = [*BYTES, {"name": "crc32c"}]


def read(folder: Path, key: str) -> np.ndarray:
    with open_run(folder).snapshots[0].open() as arrays:
        return arrays.read(key)


@pytest.mark.parametrize("way", WRITERS)
@pytest.mark.parametrize("tree", [NETWORK, {"params": NETWORK}, {"model": {"params": NETWORK}}])
def test_weights_of_what_was_saved(tmp_path: Path, way: str, tree: dict[str, Any]) -> None:
    moments = {"0": {"mu": {"Dense_0": {"kernel": np.ones((4, 5), "<f4")}}}}
    WRITERS[way](tmp_path, {**tree, "opt_state": moments, "step": np.array(7, "<i4")})
    run = open_run(tmp_path)
    first, second = run.snapshots[0].read()
    assert run.format == "orbax"
    assert np.array_equal(first.weight, W1.T)
    assert np.array_equal(second.weight, W2.T)
    assert first.bias is not None
    assert np.array_equal(first.bias, B1)
    assert {header.key for header in run.tensors} == {"Dense_0/kernel", "Dense_0/bias", "Dense_1/kernel"}
    assert run.snapshots[0].iteration == 7


def test_types_and_orders_of_numbers(tmp_path: Path) -> None:
    bits = (W1.view("<u4") >> 16).astype("<u2")
    tree = {
        "a": zarr2(bits, dtype="bfloat16"),
        "b": W2.astype(">f2"),
        "c": (W2 * (3 + 4j)).astype("<c8"),
        "d": zarr2(np.full((5, 2), 0x38, "|u1"), dtype="float8_e4m3fn"),
        "e": zarr2(W1, order="F"),
        "f": zarr2(W1, (3, 2)),
        "g": zarr2(W1, (3, 2), dimension_separator="/"),
    }
    run = open_run(write_plain(tmp_path, tree))
    assert "complex weights (complex64) are shown as their moduli" in run.notes
    with run.snapshots[0].open() as arrays:
        for key in "aefg":
            assert np.array_equal(arrays.read(key), W1)
        assert np.array_equal(arrays.read("b"), W2)
        np.testing.assert_allclose(arrays.read("c"), W2 * 5, rtol=1e-6)
        assert (arrays.read("d") == 1).all()


def test_chunks_that_are_packed(tmp_path: Path) -> None:
    squeezed = {
        name: content if name == ".zarray" else zlib.compress(content)
        for name, content in zarr2(W1, (2, 5), compressor={"id": "zlib", "level": 1}).items()
    }
    assert np.array_equal(read(write_plain(tmp_path, {"a": squeezed}), "a"), W1)


def test_chunks_of_version_3(tmp_path: Path) -> None:
    whole = {f"c/{at[0]}/{at[1]}": chunk.tobytes() for at, chunk in pieces(W1, (2, 4))}
    big = [{"name": "bytes", "configuration": {"endian": "big"}}, {"name": "crc32c"}]
    swapped = W1.astype(">f4").tobytes()
    tree = {
        "a": zarr3(W1, BYTES, whole, (2, 4)),
        "b": zarr3(W1, big, {"c/0/0": swapped + crc32c(swapped).to_bytes(4, "little")}, (4, 5)),
        "c": zarr3(np.array(3, "<i4"), BYTES, {"c": b"\3\0\0\0"}, ()),
        "d": W2,
    }
    folder = write_ocdbt(tmp_path, tree)
    for key in "ab":
        assert np.array_equal(read(folder, key), W1)


@pytest.mark.parametrize("at_start", [True, False])
def test_chunks_in_shards(tmp_path: Path, at_start: bool) -> None:
    inner = [chunk.tobytes() for _, chunk in pieces(np.pad(W1, ((0, 0), (0, 1))), (2, 3))]
    inner[3] = None
    setting = {"chunk_shape": [2, 3], "codecs": BYTES, "index_codecs": INDEX}
    setting |= {"index_location": "start" if at_start else "end"}
    codecs = [{"name": "sharding_indexed", "configuration": setting}]
    array = zarr3(W1, codecs, {"c/0/0": shard(inner, at_start=at_start)}, (4, 6))
    wanted = W1.copy()
    wanted[2:, 3:] = 0
    assert np.array_equal(read(write_plain(tmp_path, {"a": array}), "a"), wanted)


def test_a_chunk_that_is_missing_was_lost_where_all_are_written(tmp_path: Path) -> None:
    array = zarr2(W1, (2, 5))
    del array["1.0"]
    folder = write_plain(tmp_path, {"a": array})
    with pytest.raises(SnapshotError, match=r"'a' is not whole: its chunk '1\.0' is missing"):
        read(folder, "a")
    write_plain(tmp_path, {"a": array}, store_array_data_equal_to_fill_value=False)
    assert np.array_equal(read(folder, "a"), np.concatenate([W1[:2], np.zeros((2, 5))]))


def test_tree_with_branches_and_names_that_are_shared(tmp_path: Path) -> None:
    """As processes write it: the root beside the manifest, what they wrote themselves in folders of theirs."""
    write_ocdbt(tmp_path, {"params": NETWORK})
    inside = tmp_path / "ocdbt.process_0" / "d"
    inside.mkdir(parents=True)
    names = {f"params.Dense_{place}.kernel": zarr2(array) for place, array in enumerate((W1, W2))}
    first = {f"Dense_0.kernel/{key}": value for key, value in names["params.Dense_0.kernel"].items()}
    first = {f"Dense_0.bias/{key}": value for key, value in zarr2(B1).items()} | first
    second = {key: value for key, value in names["params.Dense_1.kernel"].items()}
    second = {".zarray": second[".zarray"], "0.0": (0, 3, len(second["0.0"]))}
    (inside / "values").write_bytes(b"abc" + W2.tobytes())
    leaves = [leaf(first), leaf(second, [("", "d/values")])]
    (inside / "leaves").write_bytes(b"".join(leaves))
    places = [(0, 0, len(leaves[0])), (0, len(leaves[0]), len(leaves[1]))]
    begins = ["params.Dense_0.bias/.zarray", "params.Dense_1.kernel/.zarray"]
    below = [(begins[0], len("params."), places[0]), (begins[1], len("params.Dense_1.kernel/"), places[1])]
    root = branch(below, [("ocdbt.process_0/", "d/leaves")])
    (tmp_path / "d" / "root").write_bytes(root)
    (tmp_path / MANIFEST).write_bytes(manifest([("", "d/root")], [(0, 0, len(root))], 1))
    (tmp_path / "d" / "values").unlink()
    one, two = open_run(tmp_path).snapshots[0].read()
    assert np.array_equal(one.weight, W1.T)
    assert np.array_equal(two.weight, W2.T)


def test_names_are_joined_from_level_to_level() -> None:
    data = low = leaf({"b.kernel/.zarray": b"1", "b.kernel/0": b"2"})
    middle = branch([("dense_b.kernel", len("dense_"), (0, 0, len(low)))], [("", "d/root")])
    data += middle
    high = branch([("params.dense", len("params."), (0, len(low), len(middle)))], [("", "d/root")], 2)
    root = manifest([("", "d/root")], [(0, len(data), len(high))], 2)
    data += high
    found = read_names(root, lambda place: data[place.start :][: place.size])
    assert found == {"params.dense_b.kernel/.zarray": b"1", "params.dense_b.kernel/0": b"2"}


def test_newest_version_of_a_database_is_read(tmp_path: Path) -> None:
    write_ocdbt(tmp_path, {"params": NETWORK})
    root = (tmp_path / "d" / "root").read_bytes()
    paths = [("", "d/old"), ("", "d/root")]
    (tmp_path / MANIFEST).write_bytes(manifest(paths, [(0, 0, 40), (1, 6, len(root) - 6)]))
    assert np.array_equal(read(tmp_path, "Dense_0/kernel"), W1)


@pytest.mark.parametrize(
    ("places", "steps", "counted"),
    [
        (["10/default", "20/default"], [10, 20], [(None, 10), (None, 20)]),
        (["10/default", "20/default"], [0, 0], [(None, 10), (None, 20)]),
        (["10/default", "20/default"], [None, None], [(None, 10), (None, 20)]),
        (["checkpoint_0", "checkpoint_7"], [0, 7], [(None, 0), (None, 7)]),
        (["1/state", "2/state"], [50, 100], [(1, 50), (2, 100)]),
        (["0/state", "1/state", "2/state"], [50, 100, 150], [(0, 50), (1, 100), (2, 150)]),
        (["best", "last"], [30, 40], [(None, 30), (None, 40)]),
    ],
)
def test_step_of_the_state_and_number_of_the_folder(
    tmp_path: Path, places: list[str], steps: list[int | None], counted: list[tuple[int | None, int | None]]
) -> None:
    for place, step in zip(places, steps, strict=True):
        count = {} if step is None else {"step": np.array(step, "<i4")}
        write_plain(tmp_path / "checkpoints" / place, {"params": NETWORK, **count})
    assert [(each.epoch, each.iteration) for each in open_run(tmp_path).snapshots] == counted


def test_what_lies_beside_the_weights_is_left_out(tmp_path: Path) -> None:
    for step in ("5", "10"):
        write_ocdbt(tmp_path / step / "params", NETWORK)
        write_ocdbt(tmp_path / step / "opt_state", {"0": {"mu": NETWORK}})
        (tmp_path / step / "_CHECKPOINT_METADATA").write_text("{}")
        (tmp_path / step / "metadata").mkdir()
        (tmp_path / step / "metadata" / "metadata").write_text("{}")
    shutil.copytree(tmp_path / "10", tmp_path / "15.orbax-checkpoint-tmp-3")
    run = open_run(tmp_path)
    assert [run.name_of(each) for each in run.snapshots] == ["5/params/_METADATA", "10/params/_METADATA"]
    assert run.notes == (f"no log in {str(tmp_path)!r}: the network is drawn alone",)


def test_arrays_of_many_steps_are_no_folders_to_look_into(tmp_path: Path) -> None:
    """A folder for each array would soon be more folders than are looked into."""
    tree = {f"Dense_{place}": {"kernel": W1} for place in range(60)}
    for step in range(40):
        write_plain(tmp_path / f"{step}" / "default", tree)
    assert len(open_run(tmp_path).snapshots) == 40


def test_variables_of_nnx_lose_what_each_is_called(tmp_path: Path) -> None:
    tree = {"fc": {"kernel": {"value": W1}, "bias": {"value": B1}}, "norm": {"scale": {"value": B1}}}
    run = open_run(write_plain(tmp_path, tree))
    assert {header.key for header in run.tensors} == {"fc/kernel", "fc/bias", "norm/scale"}


def test_roles_are_those_of_flax(tmp_path: Path) -> None:
    cell = {f"{way}{gate}": {"kernel": np.zeros((5, 5), "<f4")} for way in "ih" for gate in "ifgo"}
    tree = {"LSTMCell_0": cell, "Conv_0": {"kernel": np.zeros((3, 3, 4, 6), "<f4"), "bias": np.zeros(6, "<f4")}}
    run = open_run(write_ocdbt(tmp_path, tree))
    roles = {key: role for key, _, role, _ in run.listed_tensors()}
    assert roles["LSTMCell_0/if/kernel"] == "recurrent input"
    assert roles["Conv_0/kernel"] == "convolution"
    header = next(each for each in run.snapshots[0].contents.weights if each.key == "Conv_0/kernel")
    assert (header.size_in, header.size_out) == (4, 6)


def test_leaves_that_are_no_arrays(tmp_path: Path) -> None:
    write_plain(tmp_path, {"a": W1})
    said = json.loads(metadata([["a"], ["b"]]))
    said["tree_metadata"]["('b',)"]["value_metadata"]["value_type"] = "None"
    (tmp_path / "_METADATA").write_text(json.dumps(said))
    assert [each.key for each in open_run(tmp_path).tensors] == ["a"]


def test_without_a_module_for_zstandard_the_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("compression.zstd", "backports.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SnapshotError, match=r"packed by Zstandard.*pip install backports\.zstd"):
        open_run(FIXTURES / "orbax")


def test_state_of_the_optimizer_alone_is_no_snapshot(tmp_path: Path) -> None:
    write_ocdbt(tmp_path / "5" / "opt_state", {"0": {"mu": NETWORK}})
    with pytest.raises(RunError, match=r"no snapshots in .* \(found: '5'"):
        open_run(tmp_path)


@pytest.mark.parametrize("place", [".", "100/default", "checkpoint_100"])
def test_orbax_before_its_metadata_is_named_with_the_way_out(tmp_path: Path, place: str) -> None:
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    (tmp_path / place / "manifest.ocdbt").write_bytes(bytes(20))
    with pytest.raises(RunError, match=r"is a checkpoint of Orbax without _METADATA.*to_bytes"):
        open_run(tmp_path)


def text(**more: Any) -> dict[str, bytes]:
    array = zarr2(W1)
    return {**array, ".zarray": json.dumps({**json.loads(array[".zarray"]), **more}).encode()}


WRONG_ARRAYS = {
    "a text that is none": ({**zarr2(W1), ".zarray": b"{"}, "described by a damaged text"),
    "texts in texts": ({**zarr2(W1), ".zarray": b"[" * 50_000}, "described by a damaged text"),
    "version 1": (text(zarr_format=1), "of no version of Zarr"),
    "2**40 numbers": (text(shape=[2**20, 2**20], chunks=[2**20, 2**20]), "at most 1073741824 bytes"),
    "sizes below 0": (text(shape=[-4, 5]), "impossible shape"),
    "other axes": (text(chunks=[4]), "has the shape"),
    "chunks of nothing": (text(chunks=[4, 0]), "impossible shape"),
    "chunks of a terabyte": (text(chunks=[2**20, 2**20]), r"chunks of shape \(1048576, 1048576\)"),
    "a million chunks": (text(shape=[2000, 500], chunks=[1, 1]), "more than 100000 chunks"),
    "zeros alone": (text(shape=[2**13, 2**14], chunks=[2**13, 2**14]), "unpacks from 80 to 536870912 bytes"),
    "too few numbers": ({**zarr2(W1), "0.0": bytes(76)}, "is damaged"),
    "too many numbers": ({**zarr2(W1), "0.0": bytes(84)}, "is damaged"),
    "objects": (text(dtype="|O"), r"numbers of type '\|O'"),
    "records": (text(dtype=[["a", "<f4"]]), "numbers of type"),
    "texts": (text(dtype="<U10"), "numbers of type"),
    "blosc": (text(compressor={"id": "blosc"}), "packed by 'blosc', which is not read"),
    "a filter": (text(filters=[{"id": "delta"}]), "packed by 'delta', which is not read"),
    "names elsewhere": (text(dimension_separator="/../"), "names hold '/../'"),
    "no deflate": (text(compressor={"id": "zlib"}), "is damaged"),
    "no zstd": (text(compressor={"id": "zstd"}), "is damaged|packed by Zstandard"),
}


@pytest.mark.parametrize("what", WRONG_ARRAYS)
def test_damaged_array_is_one_sentence(tmp_path: Path, what: str) -> None:
    array, said = WRONG_ARRAYS[what]
    with pytest.raises(SnapshotError, match=said):
        read(write_plain(tmp_path, {"a": array}), "a")


def test_a_bomb_of_zstandard_is_not_unpacked(tmp_path: Path) -> None:
    zstd = pytest.importorskip("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    array = text(compressor={"id": "zstd"})
    array["0.0"] = zstd.compress(bytes(2**26))
    with pytest.raises(SnapshotError, match="unpacks to more than 80 bytes"):
        read(write_plain(tmp_path, {"a": array}), "a")
    array["0.0"] = zstd.compress(W1.tobytes())
    assert np.array_equal(read(write_plain(tmp_path, {"a": array}), "a"), W1)
    array["0.0"] += b"more"
    with pytest.raises(SnapshotError, match="is damaged"):
        read(write_plain(tmp_path, {"a": array}), "a")


@pytest.mark.parametrize(
    "name", ["../values", "/etc/hostname", "d/../../values", "d//values", "d/val\0ues", "link/values"]
)
def test_database_leads_to_no_file_elsewhere(tmp_path: Path, name: str) -> None:
    folder = write_ocdbt(tmp_path / "run" / "1", {"params": NETWORK})
    shutil.copy(folder / "d" / "values", tmp_path / "values")
    (folder / "link").symlink_to(tmp_path)
    values = {".zarray": zarr2(W1)[".zarray"], "0.0": (0, 0, 80)}
    values = {f"params.Dense_0.kernel/{key}": value for key, value in values.items()}
    root = leaf(values, [("", name)])
    (folder / "_METADATA").write_text(metadata([["params", "Dense_0", "kernel"]]))
    (folder / "d" / "root").write_bytes(root)
    (folder / MANIFEST).write_bytes(manifest([("", "d/root")], [(0, 0, len(root))]))
    with pytest.raises(SnapshotError, match="it lies in no folder of the checkpoint"):
        read(tmp_path / "run", "Dense_0/kernel")


@pytest.mark.parametrize("name", ["..", ".", "a/../../b", "a\0b"])
def test_names_of_arrays_lead_to_no_folder_elsewhere(tmp_path: Path, name: str) -> None:
    write_plain(tmp_path / "run", {"a": W1})
    write_plain(tmp_path / "b", {"b": W1})
    (tmp_path / "run" / "_METADATA").write_text(metadata([[name]], use_ocdbt=False))
    with pytest.raises(SnapshotError, match=r"it lies in no folder of the checkpoint|is not whole"):
        open_run(tmp_path / "run")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    folder = write_plain(tmp_path, {"a": W1})
    (folder / "a" / "0.0").unlink()
    os.mkfifo(folder / "a" / "0.0")
    with pytest.raises(SnapshotError, match="it is no regular file"):
        read(folder, "a")


def nodes(height: int, place: tuple[int, int, int], count: int) -> bytes:
    return branch([(chr(97 + at), 1, place) for at in range(count)], [("", "d/root")], height)


def test_a_tree_that_leads_into_itself_ends(tmp_path: Path) -> None:
    """Each node names the one below many times: 20 ** 4 leaves in a few hundred bytes."""
    data = leaf({"a": b"1"})
    start, size = 0, len(data)
    for height in range(1, 5):
        data, start, size = (
            data + nodes(height, (0, start, size), 20),
            len(data),
            len(nodes(height, (0, start, size), 20)),
        )

    with pytest.raises(ocdbt.OcdbtError, match="leads to more than 10000 nodes"):
        read_names(manifest([("", "d/root")], [(0, start, size)], 4), lambda place: data[place.start :][: place.size])


def test_a_root_that_is_its_own_child_is_damaged() -> None:
    node = nodes(1, (0, 0, 60), 1)
    node = nodes(1, (0, 0, len(node)), 1)
    with pytest.raises(ocdbt.OcdbtError, match="'d/root' is damaged"):
        read_names(manifest([("", "d/root")], [(0, 0, len(node))], 1), lambda _: node)


def test_names_that_share_all_but_a_byte_are_bounded() -> None:
    """Each name is a byte longer than the one before: a gigabyte of names in 200 KB."""
    count = 60_000
    body = b"\0\0" + varints([count, *range(count - 1), *[1] * count]) + b"a" * count
    node = packed(0x0CDB20DE, body)
    with pytest.raises(ocdbt.OcdbtError, match="is damaged"):
        read_names(manifest([("", "d/root")], [(0, 0, len(node))]), lambda _: node)


def node_of(body: bytes) -> bytes:
    return packed(0x0CDB20DE, body)


WRONG_NODES = {
    "nothing": b"",
    "another magic": packed(7, b"\0\0\1\1a\0\0"),
    "no names": node_of(b"\0\0\0"),
    "more names than bytes": node_of(b"\0\0" + varints([2**40])),
    "more files than bytes": node_of(b"\0" + varints([2**40])),
    "a number without an end": node_of(b"\0\0" + b"\xff" * 12),
    "a name longer than the node": node_of(b"\0\0" + varints([1, 100, 1, 0]) + b"a"),
    "a value longer than the node": node_of(b"\0\0" + varints([1, 1]) + b"a" + varints([100, 0]) + b"1"),
    "a value of a third kind": node_of(b"\0\0" + varints([1, 1]) + b"a" + varints([1, 2, 0, 0])),
    "a file that is not listed": node_of(b"\0\0" + varints([1, 1]) + b"a" + varints([1, 1, 0, 0])),
    "more shared than there is": node_of(b"\0\0" + varints([2, 5, 1, 1]) + b"ab" + varints([0, 0, 0, 0])),
    "another height": node_of(b"\1" + leaf({"a": b"1"})[15:-4]),
    "a base that is longer than its file": node_of(b"\0" + varints([1, 1, 9]) + b"a" + varints([1, 1]) + b"a\0\0"),
}


@pytest.mark.parametrize("what", WRONG_NODES)
def test_damaged_node_is_one_sentence(what: str) -> None:
    node = WRONG_NODES[what]
    with pytest.raises(ocdbt.OcdbtError, match=r"^'d/root' is damaged"):
        read_names(manifest([("", "d/root")], [(0, 0, len(node))]), lambda _: node)


def test_empty_database_has_no_names() -> None:
    nowhere = manifest([("", "")], [(0, 2**64 - 1, 2**64 - 1)])
    assert read_names(nowhere, lambda _: b"") == {}


def test_versions_in_files_of_their_own_are_named() -> None:
    numbered = packed(0x0CDB3A2A, bytes(16) + varints([1, 1024, 10**6]) + b"\4\0")
    with pytest.raises(ocdbt.OcdbtError, match="keeps its versions in files of their own"):
        read_names(numbered, lambda _: b"")


def test_places_are_names_of_files_in_the_folder() -> None:
    found = read_names(manifest([("p/", "d/x")], [(0, 0, 99)]), lambda _: leaf({"k": (0, 5, 6)}, [("q/", "d/y")]))
    assert found == {"k": Place("p/q/d/y", 5, 6)}


def test_checksum_of_castagnoli() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # as in RFC 3720's tables


@pytest.mark.parametrize("folder", ["orbax/checkpoints/10/default", "orbax-zarr3/checkpoint_10"])
def test_damaged_anywhere(tmp_path: Path, folder: str) -> None:
    """Of what Orbax wrote: a file cut off, or a byte turned, is told, whichever it is."""
    pytest.importorskip("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    source = FIXTURES / folder
    used = [MANIFEST, *(path.relative_to(source).as_posix() for path in (source / "d").iterdir())]
    for name in used:
        data = (source / name).read_bytes()
        for at in range(0, len(data), 29):
            turned = data[:at] + bytes([data[at] ^ 64]) + data[at + 1 :]
            for damaged in (data[:at], turned):
                shutil.rmtree(tmp_path / "run", ignore_errors=True)
                shutil.copytree(source, tmp_path / "run")
                (tmp_path / "run" / name).write_bytes(damaged)
                with pytest.raises(NnanimError, match=r"_METADATA"):
                    open_run(tmp_path / "run").snapshots[0].read()


STATES = {
    name: {"params": NETWORK, "opt_state": {"0": {"mu": NETWORK}}, "step": np.array(7, "<i4")}
    for name in ("gen", "dis")
}


@pytest.mark.parametrize("way", WRITERS)
def test_several_states_are_several_models(tmp_path: Path, way: str) -> None:
    WRITERS[way](tmp_path, {**STATES, "config": {"rate": np.array(0.1)}})
    run = open_run(tmp_path)
    assert run.models == ("gen", "dis")
    assert run.snapshots[0].iteration == 7
    assert not any("opt_state" in header.key for header in run.tensors)
    other = open_run(tmp_path, model="dis").snapshots[0].read()
    assert [layer.key for layer in other] == ["dis/Dense_0/kernel", "dis/Dense_1/kernel"]
    assert np.array_equal(other[0].weight, W1.T)


def test_variables_of_keras_are_its_weights_alone(tmp_path: Path) -> None:
    tree = {"trainable_variables": {"net": NETWORK}, "optimizer_variables": {"adam": {"m": W1}}}
    tree |= {
        "non_trainable_variables": {"net": {"bn": {"moving_mean": B1}}},
        "metrics_variables": {"loss": {"count": B1}},
    }
    run = open_run(write_plain(tmp_path, tree))
    assert {header.key for header in run.tensors} == {
        *(f"trainable_variables/net/{key}" for key in ("Dense_0/bias", "Dense_0/kernel", "Dense_1/kernel")),
        "non_trainable_variables/net/bn/moving_mean",
    }


def test_step_of_an_optimizer_of_nnx(tmp_path: Path) -> None:
    tree = {"model": {"fc": {"kernel": {"value": W1}}}, "opt_state": {"a": {"value": W1}}}
    write_plain(tmp_path, {**tree, "step": {"value": np.array(9, "<u4")}})
    assert open_run(tmp_path).snapshots[0].iteration == 9


@pytest.mark.parametrize("place", ["{}", "{}/default"])
def test_best_is_left_out_and_last_comes_last(tmp_path: Path, place: str) -> None:
    for name in ("10", "best", "last", "20"):
        write_plain(tmp_path / "checkpoints" / place.format(name), NETWORK)
    run = open_run(tmp_path)
    found = [run.name_of(each).removeprefix("checkpoints/").split("/")[0] for each in run.snapshots]
    assert found == ["10", "20", "last"]


def test_networks_in_items_of_their_own_are_chosen_by_name(tmp_path: Path) -> None:
    for step in ("1", "2"):
        write_plain(tmp_path / step / "gen", {"params": {"a": {"kernel": W1}}})
        write_plain(tmp_path / step / "dis", {"params": {"b": {"kernel": W2}}})
    assert set(open_run(tmp_path).models) == {"gen", "dis"}
    for name, key in (("gen", "a/kernel"), ("dis", "b/kernel")):
        assert [header.key for header in open_run(tmp_path, model=name).tensors] == [key]


@pytest.mark.parametrize("way", WRITERS)
def test_each_file_with_weights_is_one_of_the_run(tmp_path: Path, way: str) -> None:
    """Else an output would be taken for one of these weights when they have changed."""
    array = zarr2(W1, (2, 5))
    del array["1.0"]
    folder = WRITERS[way](tmp_path, {"a": array}, store_array_data_equal_to_fill_value=False)
    before = fingerprint(open_run(tmp_path), Options())
    chunk = folder / ("a/0.0" if way == "plain" else "d/root")
    data = bytearray(chunk.read_bytes())
    data[0] ^= 1
    chunk.write_bytes(data)
    assert fingerprint(open_run(tmp_path), Options()) != before
