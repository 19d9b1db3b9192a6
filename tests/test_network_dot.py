from __future__ import annotations

import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import result_folder, save, trainer_arrays, weights
from pictures import edge_index, run_with

from nnanim import Animation, open_run
from nnanim.design.layout import Box
from nnanim.frames.selection import select
from nnanim.options import Options
from nnanim.panels.network_dot import dot_source
from nnanim.panels.node_places import NodePlaces

GOLDEN = Path(__file__).resolve().parent / "golden"

# One edge stays, one grows, one shrinks, one changes its sign, one is zero.
BEFORE = [[[1.0, -0.5], [0.25, 0.5], [0.0, 2.0]], [[1.0, -1.0, 0.5]]]
AFTER = [[[1.0, -2.0], [0.25, -0.5], [0.0, 1.0]], [[0.0, -1.5, 1.0]]]


@pytest.fixture
def animation(tmp_path: Path) -> Animation:
    return Animation(run_with(tmp_path / "result", [BEFORE, AFTER, AFTER]))


def edges_in(source: str) -> list[tuple[str, str, dict[str, str]]]:
    """Return tail, head and attributes of every edge, in the order of the text."""
    found = re.findall(r"^\s*(\w+) -- (\w+) \[(.*)\]$", source, re.MULTILINE)
    return [(tail, head, dict(re.findall(r'(\w+)="?([^" ]+)"?', rest))) for tail, head, rest in found]


def network_of(*sizes: int, **options: Any) -> NodePlaces:
    strengths = [np.ones((count_out, count_in)) for count_in, count_out in pairwise(sizes)]
    return NodePlaces.fill(select(strengths, strengths, Options(**options)), Box(10.0, 20.0, 300.0, 200.0), 1.0)


NETWORKS = {
    "small": network_of(2, 3, 1),
    "smallest": network_of(1, 1),
    "left_out": network_of(9, 2, max_nodes=3, nodes="even", max_edges=4),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_text_is_the_golden_one(request: pytest.FixtureRequest, name: str) -> None:
    network = NETWORKS[name]
    edges, nodes = len(network.selection.layer), sum(map(len, network.selection.nodes))
    widths = 0.5 + np.arange(edges) * 7 % 5  # in no order
    colors = np.arange(3 * edges, dtype=np.uint8).reshape(-1, 3)
    rings = np.linspace(0.8, 4.5, nodes)
    ring_colors = 255 - np.arange(3 * nodes, dtype=np.uint8).reshape(-1, 3)
    text = dot_source("frame_00007", network, widths, colors, rings, ring_colors, (255, 255, 255))
    file = GOLDEN / f"{name}.gv"
    if request.config.getoption("--regenerate"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), "pytest --regenerate writes it anew; look at the difference"


def test_every_edge_says_what_the_frame_says(animation: Animation) -> None:
    frame = animation[1]
    found = {
        int(attributes["id"]): (tail, head, attributes) for tail, head, attributes in edges_in(animation.dot(frame))
    }
    edges = frame.edges
    assert sorted(found) == list(range(9)) == list(range(len(edges.weight)))
    for index, (tail, head, attributes) in found.items():
        assert tail == f"l{edges.layer[index]}n{edges.tail[index]}"
        assert head == f"l{edges.layer[index] + 1}n{edges.head[index]}"
        assert float(attributes["penwidth"]) == pytest.approx(edges.width_px[index] * 72 / 100, abs=0.0051)
        assert attributes["color"] == "#{:02x}{:02x}{:02x}".format(*edges.color[index])


def test_thin_edges_come_first_so_that_strong_ones_lie_on_top(animation: Animation) -> None:
    widths = [float(attributes["penwidth"]) for _, _, attributes in edges_in(animation.dot(animation[1]))]
    assert widths == sorted(widths)
    assert len(set(widths)) > 3


def test_nodes_stand_where_the_animation_says(animation: Animation) -> None:
    places = re.findall(r'^\s*l(\d)n(\d) \[.*pos="([\d.]+),([\d.]+)"\]$', animation.dot(animation[0]), re.MULTILINE)
    assert len(places) == 6
    for layer, index, x, y in places:
        expected = animation.node_centers_px[int(layer)][int(index)]
        assert (float(x) * 100 / 72, 600 - float(y) * 100 / 72) == pytest.approx(tuple(expected), abs=0.01)


def test_names_and_places_are_those_of_every_frame(animation: Animation) -> None:
    first, second = (animation.dot(frame) for frame in animation[:2])
    nodes = [re.findall(r'^\s*(l\dn\d) \[.*(pos=".*")\]$', source, re.MULTILINE) for source in (first, second)]
    assert len(nodes[0]) == 6
    assert nodes[0] == nodes[1]
    assert first.split()[1] != second.split()[1]


def test_names_do_not_depend_on_the_run(tmp_path: Path) -> None:
    sources = []
    for folder, names, start in [("one", ["l1", "l2"], 1), ('other; --"}', ["graph", "0"], 70)]:
        (tmp_path / folder).mkdir()
        for step in (0, 1):
            arrays = weights((2, 3, 1), seed=step, names=names)
            epoch = start + step
            save(tmp_path / folder / f"trainer_{epoch}", trainer_arrays(arrays, epoch=epoch, iteration=epoch))
        animation = Animation(open_run(tmp_path / folder))
        sources.append([animation.dot(frame) for frame in animation])
    assert sources[0] == sources[1]


def test_edge_that_stays_is_written_the_same_in_every_frame(tmp_path: Path) -> None:
    snapshots = [[np.array([[1.0, size]])] for size in (0.5, 3.0, 0.1, 1.0)]
    animation = Animation(run_with(tmp_path / "result", snapshots))
    edge = edge_index(animation[0], 0, 0, 0)
    lines = [
        next(attributes for _, _, attributes in edges_in(animation.dot(frame)) if attributes["id"] == str(edge))
        for frame in animation[:-1]
    ]
    assert lines[0] == lines[1] == lines[2]


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not on PATH")
@pytest.mark.parametrize("shape", [(1, 1), (4, 5, 3), (16, 14)])
def test_graphviz_takes_it_without_a_word(tmp_path: Path, shape: tuple[int, ...]) -> None:
    animation = Animation(open_run(result_folder(tmp_path / "result", shape)))
    command = ["dot", "-Kneato", "-n2", "-Tsvg"]
    done = subprocess.run(command, input=animation.dot(animation[1]), capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.count('class="node"') == sum(shape)
    assert done.stdout.count('class="edge"') == len(animation[1].edges.weight)
