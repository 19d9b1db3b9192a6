from __future__ import annotations

import dataclasses
import errno
import re
import sys
from pathlib import Path

import graphviz
import numpy as np
import pytest
from folders import result_folder
from pictures import require_engine, run_with
from timing import ONE_FRAME_EACH

from nnanim import Animation, GraphvizError, open_run
from nnanim.painting.drawing import Drawing
from nnanim.painting.graphviz_engine import ENGINES, draw, pick_engine


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine in turn; one that is not installed is skipped."""
    name: str = request.param
    require_engine(name)
    return name


@pytest.fixture
def animation(tmp_path: Path) -> Animation:
    return Animation(open_run(result_folder(tmp_path / "result", epochs=[1, 2, 3, 4])), **ONE_FRAME_EACH)


@pytest.fixture
def sources(animation: Animation) -> list[str]:
    return [animation.dot(frame) for frame in animation]


def assert_same(one: Drawing, other: Drawing) -> None:
    assert one.map is None
    assert other.map is None
    for field in dataclasses.fields(Drawing)[:-1]:
        tolerance = 0.1 if field.name == "circles_pt" else 0  # Graphviz before 2.50 rounds the size of nodes
        np.testing.assert_allclose(getattr(one, field.name), getattr(other, field.name), atol=tolerance, rtol=0)


def test_both_engines_give_the_same(sources: list[str]) -> None:
    for engine in ENGINES:
        require_engine(engine)
    for one, other in zip(draw(sources, "system"), draw(sources, "wheel"), strict=True):
        assert_same(one, other)


def test_both_engines_give_the_same_picture(tmp_path: Path) -> None:
    for engine in ENGINES:
        require_engine(engine)
    run = open_run(result_folder(tmp_path / "result"))
    one, other = (Animation(run, engine=engine, dpi=50)[1].image for engine in ENGINES)
    np.testing.assert_array_equal(one, other)


def test_edges_are_matched_by_id(animation: Animation, sources: list[str], engine: str) -> None:
    height = animation.size_px[1]
    for frame, drawing in zip(animation, draw(sources, engine), strict=True):
        edges = frame.edges
        np.testing.assert_allclose(drawing.width_pt * 100 / 72, edges.width_px, atol=0.01)  # two decimals of a point
        np.testing.assert_array_equal(drawing.color, edges.color)
        for index in range(len(edges.weight)):
            tail = animation.node_centers_px[edges.layer[index]][edges.tail[index]]
            head = animation.node_centers_px[edges.layer[index] + 1][edges.head[index]]
            ends = drawing.segments_pt[index] * 100 / 72 * [1, -1] + [0, height]
            np.testing.assert_allclose(ends, [tail, head], atol=0.02)


def test_nodes_are_in_the_order_of_the_layers(animation: Animation, sources: list[str], engine: str) -> None:
    (drawing,) = draw(sources[:1], engine)
    expected = np.concatenate(animation.node_centers_px) * [1, -1] + [0, animation.size_px[1]]
    np.testing.assert_allclose(drawing.circles_pt[:, :2] * 100 / 72, expected, atol=0.02)
    assert len(np.unique(drawing.circles_pt[:, 2])) == 1


def test_edge_of_default_width_is_1_pt(engine: str) -> None:
    source = """graph frame_00000 {
        graph [splines=line notranslate=true]
        node [label="" shape=circle style=filled fillcolor="#ffffff" color="#102030"]
        a [id=0 pos="10,10"] b [id=1 pos="90,10"] c [id=2 pos="90,50"]
        a -- b [id=1 penwidth=1 color="#0000ff"]
        a -- c [id=0 penwidth=3.5 color="#ff0000"]
        b -- c [id=2 color="#00ff00"]
    }
    """
    (drawing,) = draw([source], engine)
    assert drawing.width_pt.tolist() == [3.5, 1, 1]
    assert drawing.color.tolist() == [[255, 0, 0], [0, 0, 255], [0, 255, 0]]
    assert drawing.circle_line_pt.tolist() == [1, 1, 1]
    assert drawing.circle_line.tolist() == [[16, 32, 48]] * 3
    assert drawing.circle_fill.tolist() == [[255, 255, 255]] * 3


def test_no_graph_no_drawing() -> None:
    assert draw([]) == []


def without_quote(source: str) -> str:
    return source.replace('pos="', "pos=", 1)


def cut_off(source: str) -> str:
    return source[: len(source) // 2]


def without_a_place(source: str) -> str:
    return re.sub(r' pos="[^"]*"', "", source, count=1)


def without_nodes(source: str) -> str:
    return source.split("{")[0] + "{}\n"


def with_ids_twice(source: str) -> str:
    return re.sub(r"\bid=\d+", "id=0", source)


def with_strange_ids(source: str) -> str:
    return re.sub(r"\bid=(\d+)", r"id=9\1", source)


@pytest.mark.parametrize(
    "spoil", [without_quote, cut_off, without_a_place, without_nodes, with_ids_twice, with_strange_ids]
)
def test_bad_graph_in_the_middle_is_named(sources: list[str], engine: str, spoil: type) -> None:
    sources[2] = spoil(sources[2])
    with pytest.raises(GraphvizError, match=r"'frame_00002'") as caught:
        draw(sources, engine)
    assert "'frame_00000'" not in str(caught.value)


def test_graph_that_is_not_answered_is_named(sources: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    require_engine("system")
    from graphviz.backend import execute

    real = execute.run_check

    def forgetful(command: list[str], *, input: bytes, **options: object) -> object:
        return real(command, input=input[: input.index(b"graph frame_00002")], **options)

    monkeypatch.setattr(execute, "run_check", forgetful)
    with pytest.raises(GraphvizError, match=r"did not draw 'frame_00002': 2 of 4 graphs were answered$"):
        draw(sources, "system")


@pytest.mark.parametrize("words", ["-- nothing", "id=7"])
def test_what_stands_in_quotes_is_no_node(engine: str, words: str) -> None:
    source = f"""graph frame_00000 {{
        graph [comment="{words}"]
        a [id=0 pos="10,10" shape=circle style=filled fillcolor="#ffffff" color="#102030" label=""]
    }}
    """
    (drawing,) = draw([source], engine)
    assert len(drawing.circles_pt) == 1


def test_unknown_engine() -> None:
    with pytest.raises(ValueError, match=r"^unknown engine: 'dot' \(must be one of system, wheel\)$"):
        draw([], "dot")


# Which engine, and what is said where there is none


def put_on_path(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str, name: str = "dot") -> str:
    """Make a program the only one of PATH beside those of the system; return where it is."""
    if sys.platform == "win32":
        pytest.skip("a shell script cannot be executed")
    program = folder / "programs" / name
    program.parent.mkdir()
    program.write_text(script)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    return f"Graphviz's program {str(program)!r}"


def test_system_engine_where_what_is_run_is_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert pick_engine() == "wheel"
    put_on_path(tmp_path, monkeypatch, "#!/bin/sh\n")
    assert pick_engine() == "system"


def test_neato_alone_is_not_what_is_run(sources: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_engine("wheel")
    put_on_path(tmp_path, monkeypatch, "#!/bin/sh\n", "neato")
    assert len(draw(sources)) == len(sources)


def drawing_of(name: str, x: str = "1") -> str:
    """Return an answer with one node."""
    node = f'<ellipse fill="#ffffff" stroke="#101010" cx="{x}" cy="-1" rx="2" ry="2"/>\n'
    return answer_of(name, f'<g id="0" class="node">\n<title>a</title>\n{node}</g>\n')


def answer_of(name: str, groups: str) -> str:
    return f'<svg>\n<g id="graph0" class="graph">\n<title>{name}</title>\n{groups}</g>\n</svg>\n'


def says(answer: str) -> str:
    """Return a script that prints an answer, whatever it is asked, with no other program."""
    return f"#!/bin/sh\nprintf '%s' '{answer}'\n"


PROGRAMS = {
    "no interpreter": ("#!/nowhere/sh\n", "cannot be executed: [Errno 2] No such file or directory: "),
    "no program": ("\x7fELF nonsense", "cannot be executed: Exec format error"),
    "nothing said": ("#!/bin/sh\n", "did not draw 'frame_00000': 0 of 4 graphs were answered"),
    "garbage": ("#!/bin/sh\nprintf '<svg>\\377</svg>\\n'\n", "did not draw 'frame_00000': 0 of 4 graphs"),
    "no drawing": (
        says(answer_of("frame_00000", '<g id="0" class="node">\n<title>a</title>\n</g>\n')),
        "cannot be understood: of 1 nodes and edges, 0 circles and 0 lines are drawn",
    ),
    "too little": (says(drawing_of("frame_00000")), "drew 1 of 47 nodes and edges of 'frame_00000'"),
    "no number": (
        says(drawing_of("frame_00000", "nan")),
        "cannot be understood: of 1 nodes and edges, 0 circles and 0 lines are drawn",
    ),
    "says why": ("#!/bin/sh\necho 'no layout engine' >&2; exit 3", "failed at 'frame_00000': no layout engine"),
    "says nothing": ("#!/bin/sh\nexit 3", "failed at 'frame_00000': exit code 3, without a word"),
    "ended": ("#!/bin/sh\nkill -9 $$", "failed at 'frame_00000': it was ended by signal 9 (out of memory?)"),
}


@pytest.mark.parametrize("case", PROGRAMS)
def test_program_that_is_no_graphviz(
    sources: list[str], case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, words = PROGRAMS[case]
    program = put_on_path(tmp_path, monkeypatch, script)
    with pytest.raises(GraphvizError) as caught:
        draw(sources)
    assert words in str(caught.value)
    assert program in str(caught.value)


def test_program_that_does_not_answer(sources: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_engine("system")
    answer = graphviz.pipe("neato", "svg", sources[0].encode(), neato_no_op=2).decode()
    script = says(answer) + "while :; do :; done\n"
    program = put_on_path(tmp_path, monkeypatch, script)
    monkeypatch.setattr("nnanim.painting.graphviz_engine.LEAST_LIMIT_S", 0.5)
    with pytest.raises(GraphvizError) as caught:
        draw(sources)
    assert str(caught.value) == f"{program} did not answer to 'frame_00001' within 1 s"


def test_output_is_not_blamed_for_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_with(tmp_path / "result", [[[[1.0]]], [[[2.0]]]])
    program = put_on_path(tmp_path, monkeypatch, "\x7fELF nonsense")
    with pytest.raises(GraphvizError) as caught:
        Animation(run).write(tmp_path / "out.gif")
    assert str(caught.value) == f"{program} cannot be executed: Exec format error"


def test_memory_that_runs_out_is_told_as_memory(sources: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from graphviz.backend import execute

    def no_memory(*_: object, **__: object) -> object:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(execute, "run_check", no_memory)
    with pytest.raises(GraphvizError, match=r"^memory ran out when Graphviz's program '.*dot' was to be started$"):
        draw(sources, "system")

    def none_left(*_: object, **__: object) -> object:
        raise MemoryError

    monkeypatch.setattr(execute, "run_check", none_left)
    with pytest.raises(GraphvizError, match=r"^memory ran out while Graphviz's program '.*dot' drew 'frame_00000'$"):
        draw(sources, "system")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            "libcgraph.so: failed to map segment from shared object",
            "memory ran out when the Graphviz in the Python package 'pygraphviz' was loaded: libcgraph.so: failed to"
            " map segment from shared object",
        ),
        (
            "libcgraph.so: undefined symbol: ag",
            "the Graphviz in the Python package 'pygraphviz' cannot be loaded: libcgraph.so: undefined symbol: ag",
        ),
    ],
)
def test_library_that_cannot_be_loaded(
    sources: list[str], monkeypatch: pytest.MonkeyPatch, said: str, message: str
) -> None:
    class Refuses:
        def find_spec(self, name: str, *_: object) -> None:
            if name.startswith("pygraphviz"):
                raise ImportError(said)

    for name in [name for name in sys.modules if name.split(".")[0] == "pygraphviz"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Refuses(), *sys.meta_path])
    with pytest.raises(GraphvizError) as caught:
        draw(sources, "wheel")
    assert str(caught.value) == message


def test_no_graphviz_at_all(sources: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    with pytest.raises(GraphvizError) as caught:
        draw(sources)
    assert str(caught.value) == (
        "Graphviz is missing: install it so that 'dot' is on PATH, or install the Python package 'pygraphviz>=2'"
    )


def test_system_engine_asked_for_and_missing(
    sources: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GraphvizError) as caught:
        draw(sources, "system")
    assert str(caught.value) == "Graphviz's program 'dot' was not found on PATH"


def test_old_pygraphviz(sources: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    library = pytest.importorskip("pygraphviz.graphviz", reason="pygraphviz is not installed")
    monkeypatch.delattr(library, "gvContextWithBuiltins")
    with pytest.raises(GraphvizError) as caught:
        draw(sources, "wheel")
    assert (
        str(caught.value) == "this 'pygraphviz' carries no Graphviz of its own: install 'pygraphviz>=2' from its wheel"
    )


def test_no_file_is_written_without_graphviz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_with(tmp_path / "result", [[[[1.0]]], [[[2.0]]]])
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    with pytest.raises(GraphvizError):
        Animation(run).write(tmp_path / "out.gif")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result"]
