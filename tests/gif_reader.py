"""A small GIF decoder of the tests' own, which shares no code with the writer: https://www.w3.org/Graphics/GIF/spec-gif89a.txt"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass
class Gif:
    """What a viewer knows after it has read the file.

    Attributes:
        size: width and height in pixels.
        loop: repetitions, 0 for ever, None where the file does not say.
        delays_ms: one for each frame.
        images: (H, W, 3) uint8, each as it is seen, not as it is stored.
    """

    size: tuple[int, int]
    loop: int | None = None
    delays_ms: list[int] = field(default_factory=list)
    images: list[np.ndarray] = field(default_factory=list)


def read_gif(path: Path) -> Gif:
    """Decode a file, strictly: anything that the format does not allow is an error."""
    data = path.read_bytes()
    assert data[:6] == b"GIF89a"
    width, height = _short(data, 6), _short(data, 8)
    gif = Gif((width, height))
    assert data[10] & 0x80, "no global table of colours"
    position, colors = _color_table(data, 13, data[10])
    seen = np.zeros((height, width, 3), dtype=np.uint8)
    transparent: int | None = None
    while data[position] != 0x3B:
        kind = data[position]
        position += 1
        if kind == 0x21:
            label = data[position]
            blocks, position = _blocks(data, position + 1)
            if label == 0xF9:
                (control,) = blocks
                assert control[0] >> 2 & 7 in (0, 1), "a frame that is not left in place"
                gif.delays_ms.append(10 * _short(control, 1))
                transparent = control[3] if control[0] & 1 else None
            elif label == 0xFF and blocks[0] == b"NETSCAPE2.0":
                gif.loop = _short(blocks[1], 1)
        else:
            assert kind == 0x2C, kind
            left, top, wide, high = (_short(data, position + offset) for offset in (0, 2, 4, 6))
            assert left + wide <= width
            assert top + high <= height
            assert data[position + 8] & 0x40 == 0, "interlaced"
            position += 9
            table = colors
            if data[position - 1] & 0x80:
                position, table = _color_table(data, position, data[position - 1])
            bits = data[position]
            blocks, position = _blocks(data, position + 1)
            indices = np.frombuffer(_unpack(b"".join(blocks), bits), dtype=np.uint8).reshape(high, wide)
            part = seen[top : top + high, left : left + wide]
            drawn = np.ones_like(indices, dtype=bool) if transparent is None else indices != transparent
            part[drawn] = table[indices[drawn]]
            gif.images.append(seen.copy())
    assert position == len(data) - 1, "something follows the trailer"
    assert len(gif.delays_ms) == len(gif.images)
    return gif


def _short(data: bytes, position: int) -> int:
    return int.from_bytes(data[position : position + 2], "little")


def _color_table(data: bytes, position: int, flags: int) -> tuple[int, np.ndarray]:
    end = position + 3 * 2 ** ((flags & 7) + 1)
    return end, np.frombuffer(data[position:end], dtype=np.uint8).reshape(-1, 3)


def _blocks(data: bytes, position: int) -> tuple[list[bytes], int]:
    blocks = []
    while length := data[position]:
        blocks.append(data[position + 1 : position + 1 + length])
        assert len(blocks[-1]) == length, "the file is cut off"
        position += 1 + length
    return blocks, position + 1


def _unpack(data: bytes, bits: int) -> bytes:
    """Undo the LZW compression."""
    clear, end = 1 << bits, (1 << bits) + 1
    roots = [bytes([value]) for value in range(clear)] + [b"", b""]
    table, size, before = list(roots), bits + 1, b""
    found: list[bytes] = []
    held = count = 0
    for byte in data:
        held |= byte << count
        count += 8
        while count >= size:
            code = held & (1 << size) - 1
            held >>= size
            count -= size
            if code == clear:
                table, size, before = list(roots), bits + 1, b""
                continue
            if code == end:
                return b"".join(found)
            if code < len(table):
                entry = table[code]
            else:
                assert code == len(table), "a code that is not known yet"
                entry = before + before[:1]
            if before and len(table) < 4096:
                table.append(before + entry[:1])
                if len(table) == 1 << size and size < 12:
                    size += 1
            found.append(entry)
            before = entry
    raise AssertionError("no end of the image data")
