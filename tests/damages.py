"""Damage a file: bytes anywhere, or parts of what it is made of, so that lengths and sums still fit.

Where a file is a zip archive, JSON, safetensors, a pickle, a NumPy array or a table, a damage may be one of its parts.
All is drawn from the dice that are given: the same dice make the same damage.
"""

from __future__ import annotations

import io
import json
import pickletools
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

NASTY = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF]
NUMBERS: list[Any] = [0, -1, 1, 2**31, 2**63, 2**64, -(2**63), 10**400, 0.0, -0.0, 1e308, -1e308, 5e-324, 0.1]
TEXTS = [
    "",
    " ",
    ".",
    "..",
    "/",
    "../../etc/passwd",
    "/etc/passwd",
    "nan",
    "NaN",
    "inf",
    "-Infinity",
    "1e999",
    "\0",
    "a\0b",
    "\x1b]0;x\x07",
    "\x1b[2J",
    "\nnote: forged",
    "\r",
    "\ud800",
    "\udcff",
    "\u202e",
    "\u2028",
    "\ufeff",
    "𝟙²",
    "٣",
    "😀",
    "<script>x</script>",
    "</style>",
    '"];x[label="',
    "@somebody #1 example.com",
    "%s{0}\\",
    "weight",
    "bias",
    "epoch",
    "layer.99999999999999999999.weight",
    "a." * 200,
    "W" * 3000,
]
VALUES: list[Any] = [*NUMBERS, *TEXTS, None, True, False, [], {}, [[]], [1, [2, [3]]], {"a": {"b": {}}}]
WORDS = [
    "",
    ",",
    '"',
    "\n",
    "\0",
    "nan",
    "inf",
    "-inf",
    "1e400",
    "1_000",
    "0x10",
    "𝟙",
    "-",
    "9" * 400,
    "\x1b[2J",
    "a,b",
]
OPERATIONS = [
    b"N",
    b"(",
    b"t",
    b"]",
    b"}",
    b")",
    b"a",
    b"e",
    b"s",
    b"u",
    b"0",
    b"1",
    b"2",
    b"h\x00",
    b"\x85",
    b"\x86",
    b"\x87",
    b"R",
    b"b",
    b"Q",
    b"\x81",
    b"\x8f",
    b"K\xff",
    b"J\xff\xff\xff\xff",
    b"\x8a\x09" + b"\xff" * 8 + b"\x7f",
    b"G" + b"\x7f" * 8,
    b"X\x00\x00\x00\x00",
    b"X\x01\x00\x00\x00\x1b",
    b"X\x03\x00\x00\x00\xed\xa0\x80",
    b"cos\nsystem\n",
    b"ctorch\nfloat16\n",
    b"ctorch.storage\nUntypedStorage\n",
    b"ctorch._utils\n_rebuild_tensor_v2\n",
]
DESCRIPTIONS = ["<f4", "<f8", ">f2", "<c8", "|O", "|V8", "<U4", "<U99999999", "|b1", "<i8", "<m8[s]", "[('a', '<f4')]"]


def damage(content: bytes, dice: random.Random) -> bytes:
    """Change a few places of a file, as bytes or as what they stand for."""
    if dice.randrange(5) < 3:
        for is_one, change in STRUCTURES:
            if is_one(content):
                try:
                    return change(content, dice)
                except (ValueError, KeyError, IndexError, RecursionError, zipfile.BadZipFile, zlib.error, struct.error):
                    break  # it is damaged already, inside of another
    return mutate(content, dice)


def mutate(content: bytes, dice: random.Random) -> bytes:
    """Change a few bytes."""
    data = bytearray(content)
    for _ in range(dice.choice((1, 1, 1, 2, 4, 8))):
        if not data:
            return bytes(data)
        at = dice.randrange(len(data))
        match dice.randrange(6):
            case 0:
                data[at] ^= 1 << dice.randrange(8)
            case 1:
                del data[at : at + dice.choice((1, 4, 64))]
            case 2:
                data[at:at] = data[at : at + dice.choice((1, 8, 64))]
            case 3:
                size = dice.choice((1, 2, 4, 8))
                data[at : at + size] = (dice.choice(NASTY) & (256**size - 1)).to_bytes(
                    size, dice.choice(("little", "big"))
                )
            case 4:
                data[at : at + 4] = dice.randbytes(4)
            case 5:
                del data[at:]
    return bytes(data)


def pack(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    """Return a zip archive that is the same each time."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return file.getvalue()


def unpack(content: bytes) -> list[tuple[str, bytes]]:
    """Return names and contents of a zip archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [(info.filename, archive.read(info)) for info in archive.infolist()]


def _damage_zip(content: bytes, dice: random.Random) -> bytes:
    members = unpack(content)
    at = dice.randrange(len(members))
    name, data = members[at]
    match dice.randrange(8):
        case 0:
            del members[at]
        case 1:
            members[at] = (dice.choice(members)[0] + dice.choice(("", ".npy", "/b", "\n", "\x1b")), data)
        case 2:
            members[at] = (name, dice.choice(members)[1])
        case 3:
            dice.shuffle(members)
        case _:
            members[at] = (name, damage(data, dice))
    if len({name for name, _ in members}) < len(members):
        members = list(dict(members).items())  # names twice are for the damage of bytes
    return pack(members, dice.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))


def _damage_json(content: bytes, dice: random.Random) -> bytes:
    value = _change(json.loads(content), dice)
    text = json.dumps(value, ensure_ascii=dice.random() < 0.8)
    return text.encode("utf-8", "surrogatepass")


def _damage_lines(content: bytes, dice: random.Random) -> bytes:
    lines = content.splitlines()
    at = dice.randrange(len(lines))
    lines[at] = _damage_json(lines[at], dice)
    return b"\n".join(lines)


def _change(value: Any, dice: random.Random) -> Any:
    """Change one part of a value of JSON, at any depth."""
    if isinstance(value, dict) and value and dice.random() < 0.9:
        key = dice.choice(list(value))
        match dice.randrange(8):
            case 0:
                return {each: inner for each, inner in value.items() if each != key}
            case 1:
                return value | {dice.choice(TEXTS): value[key]}
            case 2:
                return {dice.choice(TEXTS) if each == key else each: inner for each, inner in value.items()}
            case _:
                return value | {key: _change(value[key], dice)}
    if isinstance(value, list) and value and dice.random() < 0.9:
        at = dice.randrange(len(value))
        match dice.randrange(8):
            case 0:
                return value[:at] + value[at + 1 :]
            case 1:
                return value + value[at:] * dice.choice((1, 2, 40))
            case _:
                return [*value[:at], _change(value[at], dice), *value[at + 1 :]]
    if dice.randrange(100) == 0:
        nested: Any = value
        for _ in range(dice.choice((50, 2000))):
            nested = [nested] if dice.random() < 0.5 else {"a": nested}
        return nested
    return dice.choice(VALUES)


def _damage_safetensors(content: bytes, dice: random.Random) -> bytes:
    (length,) = struct.unpack_from("<Q", content)
    header = _damage_json(content[8 : 8 + length], dice)
    return struct.pack("<Q", len(header)) + header + content[8 + length :]


def _damage_pickle(content: bytes, dice: random.Random) -> bytes:
    places = [at for _, _, at in pickletools.genops(content) if at is not None]
    data = content
    for _ in range(dice.choice((1, 1, 2, 3))):
        at = dice.randrange(len(places))
        start = places[at]
        end = places[at + 1] if at + 1 < len(places) else len(content)
        match dice.randrange(4):
            case 0:
                data = data[:start] + data[end:]
            case 1:
                data = data[:end] + data[start:end] + data[end:]
            case 2:
                data = data[:start] + dice.choice(OPERATIONS) + data[end:]
            case 3:
                data = data[:start] + dice.choice(OPERATIONS) + data[start:]
    return data


def _damage_npy(content: bytes, dice: random.Random) -> bytes:
    (length,) = struct.unpack_from("<H", content, 8)
    header = content[10 : 10 + length].decode("latin-1")
    match dice.randrange(4):
        case 0:
            header = re.sub(r"'descr': '[^']*'", lambda _: f"'descr': '{dice.choice(DESCRIPTIONS)}'", header)
        case 1:
            sizes = ", ".join(str(dice.choice(NASTY)) for _ in range(dice.choice((0, 1, 2, 3, 40, 71))))
            header = re.sub(r"\([^)]*\)", lambda _: f"({sizes})", header)
        case 2:
            header = header.replace("False", dice.choice(("True", "None", "os.system('true')")))
        case 3:
            return content[:10] + content[10 : 10 + length] + mutate(content[10 + length :], dice)
    start = header.encode("latin-1")
    return content[:8] + struct.pack("<H", len(start) & 0xFFFF) + start + content[10 + length :]


def _damage_table(content: bytes, dice: random.Random) -> bytes:
    lines = content.decode("utf-8").split("\n")
    at = dice.randrange(len(lines))
    cells = lines[at].split(",")
    cells[dice.randrange(len(cells))] = dice.choice(WORDS)
    match dice.randrange(6):
        case 0:
            lines[at] = lines[0]
        case 1:
            lines[at] += "," * dice.choice((1, 5, 500))
        case _:
            lines[at] = ",".join(cells)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _damage_protobuf(content: bytes, dice: random.Random) -> bytes:
    """Change a field of a protocol buffer, however deep it lies; all lengths around it fit."""
    fields = _fields(content)
    at = dice.randrange(len(fields))
    number, kind, value = fields[at]
    if isinstance(value, bytes) and len(value) > 1 and dice.randrange(6):
        try:
            fields[at] = (number, kind, _damage_protobuf(value, dice))
            return b"".join(_field(*each) for each in fields)
        except ValueError:
            pass  # a text, or numbers
    match dice.randrange(5):
        case 0:
            del fields[at]
        case 1:
            fields.insert(dice.randrange(len(fields)), fields[at])
        case 2:
            fields[at] = (dice.choice((1, 2, 5, 7, 8, 9, 13, 14, 31)), kind, value)
        case _ if isinstance(value, int):
            fields[at] = (number, kind, dice.choice(NASTY))
        case _:
            other = dice.choice(TEXTS).encode("utf-8", "surrogatepass") if dice.randrange(2) else mutate(value, dice)
            fields[at] = (number, kind, other)
    return b"".join(_field(*each) for each in fields)


def _fields(content: bytes) -> list[tuple[int, int, int | bytes]]:
    found: list[tuple[int, int, int | bytes]] = []
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(content, at)
            found.append((key >> 3, kind, value))
            continue
        if kind not in (1, 2, 5):
            raise ValueError("no protocol buffer")
        size, at = _varint(content, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
        if at + size > len(content):
            raise ValueError("no protocol buffer")
        found.append((key >> 3, kind, content[at : at + size]))
        at += size
    if not found:
        raise ValueError("no protocol buffer")
    return found


def _field(number: int, kind: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return _number(number << 3) + _number(value)
    return _number(number << 3 | kind) + (_number(len(value)) if kind == 2 else b"") + value


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place, byte in enumerate(content[at : at + 10]):
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at + place + 1
    raise ValueError("no protocol buffer")


def _number(value: int) -> bytes:
    data = b""
    while value > 127:
        data += bytes([value & 127 | 128])
        value >>= 7
    return data + bytes([value])


def _is_protobuf(content: bytes) -> bool:
    try:
        return content[:1] == b"\x08" and len(_fields(content)) > 1
    except ValueError:
        return False


def _is_safetensors(content: bytes) -> bool:
    return content[8:9] == b"{" and len(content) > 16 and int.from_bytes(content[:8], "little") <= len(content) - 8


STRUCTURES: list[tuple[Callable[[bytes], bool], Callable[[bytes, random.Random], bytes]]] = [
    (lambda content: content[:4] == b"PK\x03\x04", _damage_zip),
    (_is_safetensors, _damage_safetensors),
    (lambda content: content[:1] == b"{" and b"}\n{" in content, _damage_lines),
    (lambda content: content[:1] in (b"{", b"["), _damage_json),
    (lambda content: content[:1] == b"\x80", _damage_pickle),
    (lambda content: content[:6] == b"\x93NUMPY", _damage_npy),
    (_is_protobuf, _damage_protobuf),
    (lambda content: content[:200].isascii() and b"," in content[:200] and b"\0" not in content, _damage_table),
]
