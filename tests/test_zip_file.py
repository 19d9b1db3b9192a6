from __future__ import annotations

import struct
import tempfile
import tracemalloc
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnanim.reading.containers.zip_file import ZipError, ZipFile, open_zip

DATA = np.random.default_rng(0).integers(0, 4, 700_000, dtype=np.uint8).tobytes()  # more than is read at a time
CONTENT = {"a/data.npy": DATA, "empty": b"", "ü": b"short" * 9, "中": b"\x00\xff"}


def written(path: Path, content: Mapping[str, bytes] = CONTENT, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in content.items():
            file.writestr(name, data)
    return path


def everything(file: ZipFile) -> dict[str, bytes]:
    for name in file.names:
        member = file[name]
        whole = file.read(member)
        assert member.size == len(whole)
        assert file.read_start(member, 100) == whole[:100]
        for skip in (0, 1, 128, 300_000):
            if skip <= len(whole):
                assert file.read_numbers(member, skip).tobytes() == whole[skip:]
    return {name: file.read(file[name]) for name in file.names}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_what_zipfile_writes(tmp_path: Path, method: int) -> None:
    with open_zip(written(tmp_path / "a", method=method)) as file:
        assert everything(file) == CONTENT
        assert list(CONTENT) == file.names
        assert "empty" in file
        assert "full" not in file
        with pytest.raises(KeyError):
            file["full"]


def test_comment_and_bytes_before_the_archive(tmp_path: Path) -> None:
    path = written(tmp_path / "a")
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"PK" * 30_000
    path.write_bytes(b"#!/bin/sh\n" + path.read_bytes())
    with open_zip(path) as file:
        assert everything(file) == CONTENT


def test_numbers_of_64_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 20)
    path = written(tmp_path / "a")
    assert b"PK\x06\x06" in path.read_bytes()
    with open_zip(path) as file:
        assert everything(file) == CONTENT


def test_more_members_than_16_bits_count(tmp_path: Path) -> None:
    names = [str(number) for number in range(2**16 + 5)]
    with open_zip(written(tmp_path / "a", {name: name.encode() for name in names}, zipfile.ZIP_STORED)) as file:
        assert file.names == names
        assert file.read(file["65540"]) == b"65540"


def test_name_that_occurs_twice_is_that_of_the_last(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", b"first")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("x", b"last")
    with open_zip(path) as file:
        assert file.names == ["x", "x"]
        assert file.read(file["x"]) == b"last"


def changed(path: Path, at: int, to: bytes, record: bytes = b"PK\x01\x02") -> Path:
    """Overwrite bytes of the last record of a kind: of a member in the directory, or before its data."""
    data = bytearray(path.read_bytes())
    place = data.rindex(record) + at
    data[place : place + len(to)] = to
    path.write_bytes(data)
    return path


BROKEN = {
    "sum": (16, b"\0\0\0\0", b"PK\x01\x02"),
    "size": (24, b"\x01\0\0\0", b"PK\x01\x02"),
    "place": (42, b"\x01\0\0\0", b"PK\x01\x02"),
    "place behind the end": (42, b"\xf0\xff\xff\xff", b"PK\x01\x02"),
    "other name before the data": (30, b"z", b"PK\x03\x04"),
    "data": (31, b"\xff\xff\xff\xff", b"PK\x03\x04"),
    "encrypted": (8, b"\x01", b"PK\x01\x02"),
    "other method": (10, b"\x0c", b"PK\x01\x02"),
}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("length", [40, 300_000])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_broken_member(tmp_path: Path, case: str, length: int, method: int) -> None:
    at, to, record = BROKEN[case]
    path = changed(written(tmp_path / "a", {"x": DATA[:length]}, method), at, to, record)
    with open_zip(path) as file:
        with pytest.raises(ZipError):
            file.read(file["x"])
        with pytest.raises(ZipError):
            file.read_numbers(file["x"])


@pytest.mark.parametrize(
    ("at", "to", "record"),
    [
        (12, b"\xff\xff\xff\x7f", b"PK\x05\x06"),
        (0, b"PX", b"PK\x05\x06"),
        (0, b"PX", b"PK\x01\x02"),
        (6, b"\xff", b"PK\x01\x02"),
    ],
)
def test_broken_directory(tmp_path: Path, at: int, to: bytes, record: bytes) -> None:
    path = changed(written(tmp_path / "a", {"x": DATA[:40]}), at, to, record)
    with pytest.raises(ZipError), open_zip(path):
        pass


def test_size_that_the_packed_bytes_cannot_have_is_not_allocated(tmp_path: Path) -> None:
    path = changed(written(tmp_path / "a", {"x": DATA[:40]}), 24, struct.pack("<I", 2**30))
    tracemalloc.start()
    with open_zip(path) as file, pytest.raises(ZipError):
        file.read_numbers(file["x"])
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 1e6


def test_member_that_unpacks_to_more_than_it_says_is_not_unpacked(tmp_path: Path) -> None:
    path = changed(written(tmp_path / "a", {"x": bytes(200_000_000)}), 24, struct.pack("<I", 1000))
    tracemalloc.start()
    with open_zip(path) as file:
        with pytest.raises(ZipError):
            file.read(file["x"])
        with pytest.raises(ZipError):
            file.read_start(file["x"], 500)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 2e6


@given(st.dictionaries(st.text("aB/.é", min_size=1), st.binary()), st.booleans(), st.text("PK\1\2", max_size=9))
def test_anything_that_zipfile_writes(content: dict[str, bytes], packed: bool, comment: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder) / "a", content, zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED)
        with zipfile.ZipFile(path, "a") as archive:
            archive.comment = comment.encode()
        with open_zip(path) as file:
            assert everything(file) == content


def test_a_stored_member_is_a_file_of_its_own(tmp_path: Path) -> None:
    data = bytes(range(256)) * 1000
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("before", b"x" * 10)
        archive.writestr("stored", data)
        archive.writestr("packed", data, zipfile.ZIP_DEFLATED)
    with path.open("rb") as file:
        read = ZipFile(path, file)
        window = read.window(read["stored"])
        assert window is not None
        assert window.seek(0, 2) == len(data)
        window.seek(70_001)
        file.seek(3)  # others read it too
        assert window.read(100_000) == data[70_001:170_001]
        window.seek(-5, 1)
        assert window.read() == data[169_996:]
        assert window.read() == b""
        assert read.window(read["packed"]) is None
        read.check(read["stored"])
        read.check(read["packed"])
    damaged = bytearray(path.read_bytes())
    damaged[len(data) // 2] ^= 1
    path.write_bytes(damaged)
    with path.open("rb") as file:
        read = ZipFile(path, file)
        with pytest.raises(ZipError):
            read.check(read["stored"])
        read.check(read["packed"])


def test_a_member_whose_header_is_gone_has_no_window(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("stored", bytes(100_000))
    data = bytearray(path.read_bytes())
    data[:4] = b"nope"
    path.write_bytes(data)
    with path.open("rb") as file:
        read = ZipFile(path, file)
        with pytest.raises(ZipError):
            read.window(read["stored"])
