from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from folders import claim_size, log_rows, result_folder, save, trainer_arrays, weights

from nnanim.errors import LogError, NnanimError, OptionError, RunError, RunNotFoundError, ShapeError, SnapshotError
from nnanim.reading.opening import open_run

HINT = "a snapshot is a Chainer .npz archive, or a file of PyTorch, Lightning, Keras, safetensors, ONNX or NumPy"
KEY = "updater/model:main/predictor/l1/W"


def test_run_tells_what_the_folder_holds(result: Path) -> None:
    run = open_run(result_folder(result))
    assert run.path == Path("result")
    assert run.format == "chainer"
    assert run.shape == (4, 5, 3)
    assert [layer.name for layer in run.layers] == ["l1", "l2"]
    assert [(s.path.as_posix(), s.epoch, s.iteration) for s in run.snapshots] == [
        ("result/trainer_00001", 1, 3),
        ("result/trainer_00002", 2, 6),
        ("result/trainer_00003", 3, 9),
    ]
    assert run.log is not None
    assert run.log.path == Path("result/log")
    assert list(run.metrics["main/accuracy"]) == [row["main/accuracy"] for row in log_rows(3)]
    assert run.rows == (0, 1, 2)
    assert run.notes == ()


def test_text_is_taken_as_a_path(result: Path) -> None:
    result_folder(result)
    assert open_run("result").path == open_run(result).path


def test_opening_reads_no_weights(result: Path) -> None:
    result_folder(result, shape=(300, 300), epochs=[1])
    data = bytearray((result / "trainer_00001").read_bytes())
    data[200_000] ^= 0xFF  # deep inside the only large array
    (result / "trainer_00001").write_bytes(data)
    run = open_run(result)
    with pytest.raises(SnapshotError) as caught:
        run.snapshots[0].read()
    assert str(caught.value) == f"snapshot 'result/trainer_00001' is truncated or damaged at {KEY!r} ({HINT})"


# Order of the snapshots


def test_snapshots_are_sorted_by_their_own_iteration_not_by_name(result: Path) -> None:
    result.mkdir()
    for name, iteration in [("snapshot_iter_112", 112), ("snapshot_iter_98", 98), ("snapshot_iter_5", 300)]:
        save(result / name, trainer_arrays(weights(), epoch=None, iteration=iteration))
    run = open_run(result)
    assert [(s.path.name, s.epoch, s.iteration) for s in run.snapshots] == [
        ("snapshot_iter_98", None, 98),
        ("snapshot_iter_112", None, 112),
        ("snapshot_iter_5", None, 300),
    ]


NAMES = {
    # file names, log rows or None, expected (epoch, iteration) in order of the run
    "epoch": (["model_epoch_10.npz", "model_epoch_9.npz"], None, [(9, None), (10, None)]),
    "iteration": (["model_iter_112", "model_iter_98"], None, [(None, 98), (None, 112)]),
    "long iteration": (["iteration=30", "iteration=4"], None, [(None, 4), (None, 30)]),
    "step": (["net-step200", "net-step30"], None, [(None, 30), (None, 200)]),
    "both": (["e_epoch_2_iter_6", "e_epoch_1_iter_3"], None, [(1, 3), (2, 6)]),
    "word behind": (["10th_epoch", "9th_epoch"], None, [(9, None), (10, None)]),
    "trainer": (["trainer_00020", "trainer_00010"], None, [(10, None), (20, None)]),
    "unknown": (["mlp3_10", "mlp3_9"], None, [(None, 9), (None, 10)]),
    "epochs of the log": (["mlp_2", "mlp_4"], log_rows(4), [(2, None), (4, None)]),
    "iterations of the log": (["trainer_6", "trainer_12"], log_rows(4), [(None, 6), (None, 12)]),
    "loss in the name": (["m_7_loss0.25.npz", "m_8_loss0.15.npz"], None, [(None, 7), (None, 8)]),
}


@pytest.mark.parametrize("case", NAMES)
def test_counters_from_file_names(result: Path, case: str) -> None:
    names, rows, counters = NAMES[case]
    result.mkdir()
    for name in names:
        save(result / name, weights())
    if rows is not None:
        (result / "log").write_text(json.dumps(rows))
    assert [(s.epoch, s.iteration) for s in open_run(result).snapshots] == counters


def test_snapshot_without_any_counter_comes_last(result: Path) -> None:
    result_folder(result, epochs=[])
    for name in ["last.npz", "model_epoch_1.npz", "model_epoch_2.npz"]:
        save(result / name, weights())
    run = open_run(result)
    assert [s.path.name for s in run.snapshots] == ["model_epoch_1.npz", "model_epoch_2.npz", "last.npz"]
    assert run.rows == (0, 0, None)
    assert run.notes == (
        "neither epoch nor iteration is known of 'last.npz': drawn last, in order of the names",
        "1 of 3 snapshots has no row of its own in the log: the nearest is used, up to 1 epoch away",
        "1 of 3 snapshots has no counter that the log has",
    )


def test_only_one_snapshot(result: Path) -> None:
    run = open_run(result_folder(result, epochs=[2]))
    assert len(run.snapshots) == 1
    assert run.notes == ("only one snapshot in 'result': there is no change to show",)


# The log


def test_log_inside_the_newest_snapshot(result: Path) -> None:
    result.mkdir()
    for epoch in (1, 2):
        log = json.dumps(log_rows(epoch))
        save(result / f"trainer_{epoch}", trainer_arrays(weights(), epoch=epoch, iteration=epoch * 3, log=log))
    run = open_run(result)
    assert run.log is not None
    assert run.log.path == Path("result/trainer_2")
    assert len(run.metrics) == 2
    assert run.rows == (0, 1)
    assert run.notes == ("no log in 'result': the copy inside 'result/trainer_2' is used",)


@pytest.mark.parametrize("inside", [None, "[]"])
def test_no_log_at_all(result: Path, inside: str | None) -> None:
    result.mkdir()
    for epoch in (1, 2):
        save(result / f"trainer_{epoch}", trainer_arrays(weights(), epoch=epoch, log=inside))
    run = open_run(result)
    assert run.log is None
    assert run.metrics.empty
    assert run.rows == (None, None)
    assert run.notes == ("no log in 'result': the network is drawn alone",)


def test_log_of_another_name(result: Path) -> None:
    result_folder(result, log=False)
    (result / "args.json").write_text('[{"unit": 5}]')
    (result / "short.json").write_text(json.dumps(log_rows(1)))
    (result / "train.json").write_text(json.dumps(log_rows(3)))
    run = open_run(result)
    assert run.log is not None
    assert run.log.path == Path("result/train.json")
    assert run.notes == ("of several logs the longest is used: 'result/train.json' (others: 'short.json')",)
    (result / "log").write_text(json.dumps(log_rows(2)))
    assert len(open_run(result).metrics) == 2


@pytest.mark.parametrize("text", ["", "[]", "{}", "accuracy"])
def test_broken_log_is_an_error_even_with_a_copy_inside(result: Path, text: str) -> None:
    result.mkdir()
    save(result / "trainer_1", trainer_arrays(weights(), log=json.dumps(log_rows(1))))
    (result / "log").write_text(text)
    with pytest.raises(LogError, match=r"^log 'result/log' (is|has) "):
        open_run(result)


def test_nearest_row_is_joined_and_the_difference_told(result: Path) -> None:
    result.mkdir()
    for iteration in (100, 205, 330, 1000):
        save(result / f"snapshot_iter_{iteration}", trainer_arrays(weights(), epoch=9, iteration=iteration))
    (result / "log").write_text(json.dumps([{"iteration": i, "loss": 1} for i in (0, 100, 200, 300)]))
    run = open_run(result)
    assert run.rows == (1, 2, 3, 3)
    assert run.notes == (
        "3 of 4 snapshots have no row of their own in the log: the nearest is used, up to 700 iterations away",
    )


def test_join_by_epoch_where_the_log_has_no_iteration(result: Path) -> None:
    result_folder(result, epochs=[1, 3])
    (result / "log").write_text('[{"epoch": 1}, {"loss": 1}, {"epoch": 2}, {"epoch": 3}]')
    run = open_run(result)
    assert run.rows == (0, 3)
    assert run.notes == ()


# What is not drawn


def test_temporary_and_other_files_are_ignored(result: Path) -> None:
    result_folder(result)
    (result / "tmp_snapshot").write_bytes(b"PK\x03\x04half")
    (result / ".trainer_00009").write_bytes(b"")
    (result / "tmpdir").mkdir()
    (result / "snapshot_folder").mkdir()
    (result / "loss.png").write_bytes(b"\x89PNG")
    (result / "trainer.py").write_text("import chainer")
    (result / "cg.dot").write_text("digraph {}")
    (result / "other.zip").write_bytes(b"PK\x03\x04half")
    save(result / "data.npz", {"x": np.zeros(3), "labels": np.array([None])})
    assert len(open_run(result).snapshots) == 3
    assert open_run(result).notes == ()


def test_archive_without_weights_that_is_named_like_a_snapshot(result: Path) -> None:
    result_folder(result)
    save(result / "snapshot_of_optimizer", {"l1/W/m": np.zeros((5, 4)), "t": np.asarray(1)})
    assert open_run(result).notes == ("'result/snapshot_of_optimizer' holds no weights and is not drawn",)


def test_models_beside_trainer_snapshots_are_left_out(result: Path) -> None:
    result_folder(result)
    for epoch in range(1, 8):
        save(result / f"model_{epoch}.npz", weights((2, 3)))
    run = open_run(result)
    assert run.shape == (4, 5, 3)
    assert run.notes == (
        "models saved beside the trainer's snapshots are not drawn:"
        " 'model_1.npz', 'model_2.npz', 'model_3.npz', 'model_4.npz', 'model_5.npz' and 2 more",
    )


def test_no_edges_are_drawn_where_not_all_layers_fit(result: Path) -> None:
    result_folder(result, epochs=[])
    extra = {"conv1/W": np.zeros((8, 1, 3, 3)), "embed/W": np.zeros((100, 7)), "bn/gamma": np.ones(5)}
    for epoch in (1, 2):
        save(result / f"trainer_{epoch}", trainer_arrays(weights() | extra, epoch=epoch))
    run = open_run(result)
    assert (run.shape, run.view, run.connections) == ((), "layers", ())
    reason = "what follows what is not known: 'embed' (embedding) is no layer of a plain sequence"
    assert run.notes == (f"no edges are drawn: {reason}",)
    assert {layer.name: layer.skipped for layer in run.left_out} == {
        "l1": reason,
        "l2": reason,
        "conv1": reason,
        "embed": "an embedding is a table, no layer of neurons",
    }


def test_no_edges_are_drawn_where_the_order_is_uncertain(result: Path) -> None:
    result_folder(result, epochs=[])
    for epoch in (1, 2):
        arrays = weights((5, 5, 5), names=["thin", "wide"])
        save(result / f"trainer_{epoch}", trainer_arrays(arrays, epoch=epoch, iteration=3))
    run = open_run(result)
    assert run.layers == ()
    assert run.notes == ("no edges are drawn: what follows what is not known: the layers fit in several orders",)
    assert [layer.name for layer in open_run(result, layers=["wide", "thin"]).layers] == ["wide", "thin"]


def test_branches_are_no_sequence(result: Path) -> None:
    result_folder(result, epochs=[])
    for epoch in (1, 2):
        arrays = weights((4, 5, 5, 3), names=["branch1", "branch2", "out"])
        save(result / f"trainer_{epoch}", trainer_arrays(arrays, epoch=epoch, iteration=3))
    assert open_run(result).layers == ()


def test_main_is_drawn_of_several_models(result: Path) -> None:
    result_folder(result, epochs=[])
    for epoch in (1, 2):
        arrays = trainer_arrays(weights((2, 3)), epoch, 3, name="dis", prefix="")
        arrays |= trainer_arrays(weights((3, 4)), epoch, 3, name="gen", prefix="")
        save(result / f"snapshot_{epoch}", arrays)
    run = open_run(result)
    assert run.shape == (2, 3)
    note = "of several models in 'snapshot_1', 'dis' is drawn (others: 'gen'; --model takes another)"
    assert run.notes == (note,)
    assert run.models == ("dis", "gen")
    assert open_run(result, model="gen").shape == (3, 4)
    for epoch in (1, 2):
        save(
            result / f"snapshot_{epoch}",
            trainer_arrays(weights((2, 3)), epoch, 3, name="dis") | trainer_arrays(weights((7, 8)), epoch, 3),
        )
    assert open_run(result).shape == (7, 8)


# Broken folders, each with its message


def empty(folder: Path) -> None:
    folder.mkdir()


def a_file(folder: Path) -> None:
    folder.write_text("")


def plots_only(folder: Path) -> None:
    folder.mkdir()
    for name in ["log", "loss.png", "cg.dot", "args.txt", "a.py", "b.py", "tmpfile"]:
        (folder / name).write_text("x")


def with_bytes(data: bytes) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        result_folder(folder, epochs=[1])
        (folder / "trainer_00002").write_bytes(data)

    return make


def truncated(folder: Path) -> None:
    result_folder(folder)
    data = (folder / "trainer_00002").read_bytes()
    (folder / "trainer_00002").write_bytes(data[: len(data) // 2])


def truncated_of_another_name(folder: Path) -> None:
    result_folder(folder, epochs=[1])
    data = (folder / "trainer_00001").read_bytes()
    for number in (8, 9):
        (folder / f"mlp_at_{number}").write_bytes(data)
    (folder / "mlp_at_10").write_bytes(data[:-30])


def all_truncated(folder: Path) -> None:
    folder.mkdir()
    save(folder / "mlp", weights())
    (folder / "mlp").write_bytes((folder / "mlp").read_bytes()[:-1])


def object_array(folder: Path) -> None:
    result_folder(folder, epochs=[1])
    save(folder / "trainer_00002", trainer_arrays(weights() | {"l1/W": np.asarray(None)}, epoch=2))


def texts(folder: Path) -> None:
    folder.mkdir()
    save(folder / "snapshot_1", {"W": np.array(["a"])})


def lying_size(folder: Path) -> None:
    result_folder(folder, epochs=[1])
    claim_size(folder / "trainer_00001", KEY, 2**30)


def other_network(folder: Path) -> None:
    result_folder(folder, epochs=[1])
    save(folder / "trainer_00002", trainer_arrays(weights((4, 6, 3)), epoch=2, iteration=6))


def longer_network(folder: Path) -> None:
    result_folder(folder, epochs=[1])
    save(folder / "trainer_00002", trainer_arrays(weights((4, 5, 3, 2)), epoch=2, iteration=6))


def other_embedding(folder: Path) -> None:
    folder.mkdir()
    for epoch in (1, 2):
        arrays = weights() | {"embed/W": np.zeros((epoch, 7))}
        save(folder / f"trainer_{epoch}", trainer_arrays(arrays, epoch=epoch))


def embedding_only(folder: Path) -> None:
    folder.mkdir()
    save(folder / "snapshot_1", {"embed/W": np.zeros((100, 7)), "scale/W": np.zeros(7)})


def wrong_bias(folder: Path) -> None:
    folder.mkdir()
    save(folder / "snapshot_1", weights() | {"l1/b": np.zeros(4)})


def too_many_layers(folder: Path) -> None:
    folder.mkdir()
    save(folder / "snapshot_1", {f"l{number}/W": np.zeros((1, 1)) for number in range(257)})


def long_key(folder: Path) -> None:
    folder.mkdir()
    save(folder / "snapshot_1", {"0/" * 500 + "W": np.zeros((1, 1))})


BROKEN = {
    "a long key": (
        long_key,
        SnapshotError,
        "snapshot 'result/snapshot_1' holds a weight whose key begins with '0/0/0/0/0/0/0/0/0/0/' and has 1001"
        " characters (at most 1000 are read)",
    ),
    "missing": (
        lambda folder: None,
        RunNotFoundError,
        "no folder 'result' (a result folder is what a training leaves behind: snapshots and a log)",
    ),
    "a file": (a_file, RunError, "'result' is a file (give the folder that holds the snapshots and the log)"),
    "empty": (empty, RunError, f"no snapshots in 'result' (the folder is empty; {HINT})"),
    "no snapshots": (
        plots_only,
        RunError,
        f"no snapshots in 'result' (found: 'a.py', 'args.txt', 'b.py', 'cg.dot', 'log' and 1 more; {HINT})",
    ),
    "truncated": (truncated, SnapshotError, f"snapshot 'result/trainer_00002' is truncated or damaged ({HINT})"),
    "truncated, named like the others": (
        truncated_of_another_name,
        SnapshotError,
        f"snapshot 'result/mlp_at_10' is truncated or damaged ({HINT})",
    ),
    "nothing but truncated": (
        all_truncated,
        SnapshotError,
        f"snapshot 'result/mlp' is truncated or damaged ({HINT})",
    ),
    "no bytes": (with_bytes(b""), SnapshotError, f"snapshot 'result/trainer_00002' is empty ({HINT})"),
    "not a zip": (
        with_bytes(b"hello"),
        SnapshotError,
        f"snapshot 'result/trainer_00002' is not a zip archive ({HINT})",
    ),
    "a pickle": (
        with_bytes(pickle.dumps({"W": 1})),
        SnapshotError,
        "'result/trainer_00002' is a pickle, which is never loaded, since it could run code (save the weights with"
        " numpy.savez, torch.save or safetensors)",
    ),
    "a single array": (
        with_bytes(b"\x93NUMPY\x01\x00"),
        SnapshotError,
        f"snapshot 'result/trainer_00002' is a single NumPy array ({HINT})",
    ),
    "an object array": (
        object_array,
        SnapshotError,
        f"{KEY!r} in snapshot 'result/trainer_00002' holds Python objects, which are never loaded"
        " (a weight is an array of numbers; a layer that was not used yet has none)",
    ),
    "texts": (
        texts,
        SnapshotError,
        "'W' in snapshot 'result/snapshot_1' is of type '<U1' (a weight is an array of real numbers)",
    ),
    "a lying size": (
        lying_size,
        SnapshotError,
        f"{KEY!r} in snapshot 'result/trainer_00001' is said to be (5, 4) of float32, which takes 80 bytes,"
        " but has 1073741696 (the archive is damaged)",
    ),
    "a bias of another size": (
        wrong_bias,
        SnapshotError,
        "layer 'l1' in snapshot 'result/snapshot_1' has a bias of shape (4,) for a weight of shape (5, 4)"
        " (it must be (5,))",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_folder(result: Path, case: str) -> None:
    make, error, message = BROKEN[case]
    make(result)
    with pytest.raises(NnanimError) as caught:
        open_run(result)
    assert type(caught.value) is error
    assert str(caught.value) == message


@pytest.mark.parametrize("make", [other_network, longer_network, other_embedding])
def test_one_network_is_drawn_of_several_in_the_folder(result: Path, make: Callable[[Path], None]) -> None:
    make(result)
    run = open_run(result)
    assert len(run.snapshots) == 1
    left = ({path.name for path in result.iterdir() if path.name != "log"} - {run.snapshots[0].path.name}).pop()
    assert any(note.startswith("of 2 networks") and repr(left) in note for note in run.notes)


def test_network_of_the_declared_sizes_is_drawn(result: Path) -> None:
    other_network(result)
    assert open_run(result, shape=(4, 6, 3)).shape == (4, 6, 3)
    assert open_run(result, shape=(4, 5, 3)).shape == (4, 5, 3)


def test_sizes_say_which_layers_are_drawn(result: Path) -> None:
    result_folder(result, epochs=[])
    for epoch in (1, 2):
        more = {"embed/W": np.ones((100, 7)), "side/W": np.ones((9, 9))}
        save(result / f"trainer_{epoch}", trainer_arrays(weights() | more, epoch=epoch))
    assert open_run(result).layers == ()
    run = open_run(result, shape=(4, 5, 3))
    assert [layer.name for layer in run.layers] == ["l1", "l2"]
    assert [layer.name for layer in run.snapshots[0].read()] == ["l1", "l2"]
    assert {known_from for _, _, known_from in run.connections} == {"user"}
    with pytest.raises(SnapshotError, match=r"no layers .* that are known to follow each other"):
        open_run(result).snapshots[0].read()
    with pytest.raises(ShapeError, match="it has no such layers"):
        open_run(result).snapshots[0].read((4, 6, 3))


def test_sizes_that_several_layers_have_say_nothing(result: Path) -> None:
    result_folder(result, epochs=[])
    more = {"embed/W": np.ones((100, 7)), "side/W": np.ones((5, 4))}
    save(result / "trainer_1", trainer_arrays(weights() | more, epoch=1))
    assert open_run(result, shape=(4, 5, 3)).layers == ()


def test_skip_bad_reads_all_of_what_has_no_order(result: Path) -> None:
    embedding_only(result)
    save(result / "snapshot_2", {"embed/W": np.full((100, 7), np.nan), "scale/W": np.zeros(7)})
    run = open_run(result, skip_bad=True)
    assert [s.path.name for s in run.snapshots] == ["snapshot_1"]
    assert "has 700 NaN or infinite numbers of 700" in run.skipped[0][1]


def test_files_say_which_network_is_drawn(result: Path) -> None:
    result_folder(result, epochs=[])
    for epoch in (1, 2):
        save(result / f"netG_epoch_{epoch}.npz", weights((4, 6, 3)))
        save(result / f"netD_epoch_{epoch}.npz", weights((3, 1)))
    run = open_run(result)
    assert [run.name_of(s) for s in run.snapshots] == ["netG_epoch_1.npz", "netG_epoch_2.npz"]
    assert run.models == ("netG", "netD")
    assert any("'netD_epoch_1.npz'" in note and "--files" in note for note in run.notes)
    assert open_run(result, files="netD*").shape == (3, 1)
    assert open_run(result, model="netD").shape == (3, 1)
    with pytest.raises(OptionError, match=r"no model 'netX' \(models there: 'netD', 'netG'\)"):
        open_run(result, model="netX")
    with pytest.raises(RunError, match="whose names fit 'netX\\*'"):
        open_run(result, files="netX*")


def test_generator_is_drawn_rather_than_what_stands_beside_it(result: Path) -> None:
    result_folder(result, epochs=[])
    for epoch in (1, 2):
        save(result / f"aux_epoch_{epoch}.npz", weights((3, 1)))
        save(result / f"netG_epoch_{epoch}.npz", weights((4, 6, 3)))
    assert open_run(result).shape == (4, 6, 3)


def test_snapshots_that_the_log_counts_are_newer(result: Path) -> None:
    result_folder(result, epochs=[1, 2])
    save(result / "trainer_00009", trainer_arrays(weights((4, 6, 3)), epoch=9, iteration=27))
    assert [s.epoch for s in open_run(result).snapshots] == [1, 2]
    (result / "log").unlink()
    assert [s.epoch for s in open_run(result).snapshots] == [9]


def test_best_is_left_out_where_its_moment_is_not_known(result: Path) -> None:
    result_folder(result, epochs=[])
    for name in ["best.npz", "model_best.npz", "model_1.npz", "model_2.npz", "final.npz", "init.npz"]:
        save(result / name, weights())
    run = open_run(result)
    assert [s.path.name for s in run.snapshots] == ["init.npz", "model_1.npz", "model_2.npz", "final.npz"]
    assert "not drawn, since nothing tells their moment: 'best.npz', 'model_best.npz'" in run.notes


def test_best_is_drawn_where_it_is_alone(result: Path) -> None:
    result_folder(result, epochs=[])
    save(result / "best.npz", weights())
    assert [s.path.name for s in open_run(result).snapshots] == ["best.npz"]


@pytest.mark.parametrize("make", [embedding_only, too_many_layers])
def test_what_has_no_order_is_read(result: Path, make: Callable[[Path], None]) -> None:
    make(result)
    run = open_run(result)
    assert run.layers == ()
    assert run.shape == ()
    with run.snapshots[0].open() as arrays:
        for header in run.left_out:
            assert arrays.read(header.key).shape == header.shape


def test_every_truncation_of_a_snapshot_is_refused(result: Path) -> None:
    result_folder(result, epochs=[1])
    small = save(result.parent / "small", {"W": np.zeros((2, 2), dtype=np.float32)}).read_bytes()
    for length in range(len(small)):
        (result / "trainer_00002").write_bytes(small[:length])
        with pytest.raises(SnapshotError, match=r"^snapshot 'result/trainer_00002' is "):
            open_run(result)


def test_every_damaged_byte_gives_an_answer_or_our_error(result: Path) -> None:
    result.mkdir()
    good = save(result / "snapshot_1", {"l1/W": np.ones((2, 2), dtype=np.float32), "t": np.asarray(1)}).read_bytes()
    for position in range(len(good)):
        for flip in (0x01, 0xFF):
            data = bytearray(good)
            data[position] ^= flip
            (result / "snapshot_1").write_bytes(data)
            with suppress(SnapshotError, RunError):  # anything else would be a bug
                open_run(result).snapshots[0].read()


def test_folder_may_be_moved_before_reading_fails_clearly(result: Path) -> None:
    run = open_run(result_folder(result, (4, 500, 3)))
    shutil.rmtree(result)
    with pytest.raises(SnapshotError) as caught:
        run.snapshots[0].read()
    assert str(caught.value) == f"cannot read snapshot 'result/trainer_00001': No such file or directory ({HINT})"


def test_best_of_the_same_moment_as_a_numbered_one_is_left_out(result: Path) -> None:
    result.mkdir()
    for name in ["step_1.npz", "step_2.npz", "step_2_best.npz", "step_3_best.npz"]:
        save(result / name, weights())
    run = open_run(result)
    assert [s.path.name for s in run.snapshots] == ["step_1.npz", "step_2.npz", "step_3_best.npz"]
    assert "'step_2_best.npz' is of the same moment as 'step_2.npz' and is not drawn" in run.notes


def test_dates_beside_the_weights_are_not_read(result: Path) -> None:
    result.mkdir()
    when = np.array(["2026-01-31"], dtype="M8[s]")
    for epoch in (1, 2):
        save(result / f"model_epoch_{epoch}.npz", weights(seed=epoch) | {"when": when})
    assert open_run(result).shape == (4, 5, 3)


def test_array_without_numbers_is_no_layer_beside_the_others(result: Path) -> None:
    result.mkdir()
    save(result / "model_epoch_1.npz", weights() | {"W9": np.zeros((0, 4), np.float32)})
    run = open_run(result)
    assert run.view == "network"
    assert len(run.layers) == 2
