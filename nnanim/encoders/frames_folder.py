"""A folder of numbered PNGs and one ``frames.json`` with what each frame means, for other programs."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nnanim.encoders.movie import Append, LonePacker, Movie
from nnanim.encoders.places import INDEX
from nnanim.frames.frame import Boxes, Cells, Edges, Frame, Nodes, Rows, Tiles, TogetherFrame

VERSION = 1  # of the layout of frames.json


def picture_name(index: int) -> str:
    """Return the file name of a frame, from 0: ``00000.png``."""
    return f"{index:05}.png"


@contextmanager
def open_frames(path: Path, movie: Movie, frames: Sequence[Frame]) -> Iterator[Append]:
    """Write frames into a new folder; see `nnanim.encoders.movie`."""
    path.mkdir()
    with (path / INDEX).open("w", encoding="utf-8", newline="\n") as index:
        head: dict[str, Any] = {"version": VERSION, "size_px": movie.size_px, "loop": movie.loop}
        if movie.comment is not None:
            head["comment"] = movie.comment
        if len(frames) and isinstance(frames[0], Frame) and (boxes := frames[0].boxes) is not None:
            names = [row.title for row in boxes.rows]
            head["arrows"] = [[names[tail], names[end]] for tail, end in boxes.arrows]
        if len(frames) and isinstance(frames[0], Frame) and (rows := frames[0].rows) is not None and rows.magnitudes:
            head["bin_edges"] = rows.magnitudes.bin_edges.tolist()
        # One line for each frame, written as it comes: the whole need not be in memory.
        index.write(json.dumps(head)[:-1] + ', "frames": [')
        before = "\n"

        def append(place: int, png: bytes) -> None:
            nonlocal before
            (path / picture_name(place)).write_bytes(png)
            index.write(before + json.dumps(meaning(frames[place]), allow_nan=False))
            before = ",\n"

        yield append
        index.write("\n]}\n")


class PngPacker(LonePacker):
    """Compress frames, each by itself; see `nnanim.encoders.movie.Packer`."""

    def pack(self, _index: int, image: np.ndarray) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG")
        return buffer.getvalue()


def meaning(frame: Frame | TogetherFrame) -> dict[str, Any]:
    """Return what a frame means as plain numbers; None stands for NaN. Of several runs it is a list of theirs."""
    if isinstance(frame, TogetherFrame):
        return {
            "file": picture_name(frame.index),
            "title": frame.title,
            "duration_s": frame.duration_s,
            "runs": [{"title": each.title} | meaning(each) for each in frame.runs],
        }
    told: dict[str, Any] = {
        "file": picture_name(frame.index),
        "epoch": frame.epoch,
        "iteration": frame.iteration,
        "duration_s": frame.duration_s,
        "metrics": {name: _finite(value) for name, value in frame.metrics.items()},
    }
    if frame.moment is not None:
        told["moment"] = _moment(frame)
    if frame.rows is not None:
        return told | {"rows": _rows(frame.rows), "folded_rows": _rows(frame.folded_rows or frame.rows)}
    if frame.boxes is not None:
        return told | {"boxes": _boxes(frame.boxes)}
    if frame.cells is not None:
        return told | {"cells": _cells(frame.cells)}
    told |= {"edges": _edges(frame.edges), "nodes": _nodes(frame.nodes)}
    return told if frame.tiles is None else told | {"tiles": _tiles(frame.tiles)}


def _tiles(tiles: Tiles) -> dict[str, Any]:
    size = tiles.value.shape[1:3]
    return {
        "layer": tiles.layer,
        "units": tiles.units.tolist(),
        "image": list(tiles.image),
        "size": list(tiles.size),
        "value": [_table(unit.ravel(), size) for unit in tiles.value],
        "change": [_table(unit.ravel(), size) for unit in tiles.change],
    }


def _moment(frame: Frame) -> dict[str, Any]:
    """Tell what stands out as places in the lists of the frame."""
    moment = frame.moment
    assert moment is not None
    told: dict[str, Any] = {"says": moment.says, "share": moment.share}
    if frame.boxes is not None:
        return told | {"boxes": list(frame.boxes.stand_out)}
    if frame.cells is not None:
        places = []
        for thing in moment.things:
            index, matrix = next(
                (index, each) for index, each in enumerate(frame.cells.matrices) if each.start <= thing < each.stop
            )
            places.append([index, *divmod(thing - matrix.start, matrix.size[1])])
        return told | {"cells": places}
    return told | {"edges" if frame.rows is None else "rows": list(moment.things)}


def _edges(edges: Edges) -> dict[str, Any]:
    return {
        "layer": edges.layer.tolist(),
        "tail": edges.tail.tolist(),
        "head": edges.head.tolist(),
        "weight": _floats(edges.weight),
        "change": _floats(edges.change),
        "width_px": _floats(edges.width_px.astype(np.float32)),
        "color": _hex(edges.color),
    }


def _nodes(nodes: Nodes) -> dict[str, Any]:
    return {
        "layer": nodes.layer.tolist(),
        "neuron": nodes.neuron.tolist(),
        "bias": _floats(nodes.bias),
        "ring_px": _floats(nodes.ring_px.astype(np.float32)),
        "color": _hex(nodes.color),
    }


def _boxes(boxes: Boxes) -> list[dict[str, Any]]:
    told = _named(boxes)
    for box, group in zip(told, boxes.groups, strict=True):
        if len(group.rows) > 1:
            box["blocks"] = _named(group)
    return told


def _named(shown: Boxes | Rows) -> list[dict[str, Any]]:
    numbers = zip(shown.rows, shown.norm.tolist(), shown.relative_change.tolist(), strict=True)
    return [
        {"name": row.title, "keys": list(row.keys), "norm": _finite(norm), "relative_change": _finite(change)}
        for row, norm, change in numbers
    ]


def _rows(rows: Rows) -> list[dict[str, Any]]:
    told = [
        {
            "keys": list(row.keys),
            "name": row.title,
            "part": row.part,
            "slice": None if row.slice is None else list(row.slice),
            "formula": row.formula,
            "norm": _finite(norm),
            "relative_change": _finite(change),
        }
        for row, norm, change in zip(rows.rows, rows.norm.tolist(), rows.relative_change.tolist(), strict=True)
    ]
    if rows.magnitudes is not None:
        counts, zeros = rows.magnitudes.counts.tolist(), rows.magnitudes.zeros.tolist()
        for each, own, none in zip(told, counts, zeros, strict=True):
            each |= {"zeros": none, "counts": own}
    return told


def _cells(cells: Cells) -> list[dict[str, Any]]:
    told = []
    for index, matrix in enumerate(cells.matrices):
        own, size = slice(matrix.start, matrix.stop), matrix.size
        row = matrix.row
        told.append(
            {
                "keys": list(row.keys),
                "name": row.title,
                "part": row.part,
                "slice": None if row.slice is None else list(row.slice),
                "formula": row.formula,
                "axes": list(matrix.axes),
                "shape": list(matrix.shape),
                "rows": matrix.rows.tolist(),
                "columns": matrix.columns.tolist(),
                "cells_show": "weight" if matrix.is_whole and cells.many == "largest" else cells.many,
                "value": _table(cells.value[own], size),
                "change": _table(cells.change[own], size),
                "largest": _finite(cells.largest[index]),
                "largest_at": cells.largest_at[index].tolist(),
                "spectral_radius": _finite(cells.spectral_radius[index]),
            }
        )
    return told


def _table(values: np.ndarray, size: tuple[int, int]) -> list[list[float | None]]:
    numbers = _floats(values)
    return [numbers[start : start + size[1]] for start in range(0, len(numbers), size[1])]


def _floats(values: np.ndarray) -> list[float | None]:
    # The shortest text that is read back as the same float32.
    return [_finite(float(str(value))) for value in values.astype(np.float32)]


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _hex(colors: np.ndarray) -> list[str]:
    return ["#" + bytes(color).hex() for color in colors]
