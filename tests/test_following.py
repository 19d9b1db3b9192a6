from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnanim import Animation, open_run
from nnanim.errors import OptionError, RunError
from nnanim.options import Options, Reading
from nnanim.reading.run import Snapshot
from nnanim.watching.following import Follower, Look
from nnanim.watching.listing import list_files

SIZES = (3, 4, 2)
FIXTURES = Path(__file__).parent / "fixtures"


def weights(seed: int, scale: float = 1.0) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {
        f"l{index + 1}/W": (scale * generator.normal(size=(after, before))).astype(np.float32)
        for index, (before, after) in enumerate(pairwise(SIZES))
    }


def save(folder: Path, epoch: int, *, seed: int | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"model_epoch_{epoch:03}.npz"
    np.savez(path, **weights(epoch if seed is None else seed))
    return path


def follow(folder: Path, **reading: object) -> Follower:
    return Follower(folder=folder, reading=Reading(**reading), options=Options())  # type: ignore[arg-type]


def epochs(look: Look) -> list[float | int | None]:
    assert look.animation is not None
    return [snapshot.epoch for snapshot in look.animation.run.snapshots]


def test_each_snapshot_is_taken_once(result: Path) -> None:
    follower = follow(result)
    assert follower.look().animation is None  # there is no folder yet
    save(result, 1)
    assert epochs(follower.look()) == [1]
    assert follower.look() == Look()
    save(result, 2)
    look = follower.look()
    assert epochs(look) == [1, 2]
    assert look.has_changed
    assert not look.is_new_run


@pytest.mark.parametrize("options", [{}, {"max_edges": 5}, {"max_nodes": 2}, {"edges": "change", "max_edges": 5}])
@pytest.mark.parametrize("since", ["first", "previous"])
def test_what_was_read_before_is_not_read_again_and_shown_the_same(
    result: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], since: str
) -> None:
    follower = Follower(folder=result, reading=Reading(), options=Options(since=since, **options))
    read: list[Path] = []

    def counted(plain: Any) -> Any:
        def reading(self: Snapshot, *args: Any) -> Any:
            read.append(self.path)
            return plain(self, *args)

        return reading

    for name in ("read", "open_layers"):
        monkeypatch.setattr(Snapshot, name, counted(getattr(Snapshot, name)))
    again = []
    for epoch in range(1, 9):
        newest = save(result, epoch)
        read.clear()
        look = follower.look()
        assert newest in read
        again.append(len(set(read)) == epoch > 1)
        assert look.animation is not None
        fresh = Animation(open_run(result), since=since, **options)
        shown, wanted = look.animation._history.shown, fresh._history.shown
        for name in ("edges", "biases"):
            np.testing.assert_array_equal(getattr(shown, name).values, getattr(wanted, name).values)
            np.testing.assert_array_equal(getattr(shown, name).changes, getattr(wanted, name).changes)
        for name in ("layer", "tail", "head"):
            np.testing.assert_array_equal(getattr(shown.selection, name), getattr(wanted.selection, name))
    if not options:
        assert not any(again)  # the whole network is shown: only the newest was read
    elif "edges" not in options:
        assert not all(again[1:])  # the strongest edges were the same ones now and then


@pytest.mark.parametrize("options", [{}, {"max_edges": 5}])
def test_a_file_that_is_written_again_is_read_again(result: Path, options: dict[str, Any]) -> None:
    follower = Follower(folder=result, reading=Reading(), options=Options(**options))
    for epoch in (1, 2, 3):
        save(result, epoch)
    np.savez(result / "model_epoch_002.npz", **weights(99, 9.0))  # whose edges are the strongest, while it is there
    follower.look()
    save(result, 2, seed=77)
    save(result, 4)
    look = follower.look()
    assert look.animation is not None
    shown = look.animation._history.shown
    fresh = Animation(open_run(result), **options)._history.shown
    np.testing.assert_array_equal(shown.edges.values, fresh.edges.values)


def test_nothing_to_draw_is_told_as_trouble(result: Path) -> None:
    follower = follow(result)
    follower.look()
    assert isinstance(follower.trouble, RunError)
    save(result, 1)
    follower.look()
    assert follower.trouble is None


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.97])
def test_half_a_snapshot_is_no_error_and_taken_when_it_is_whole(result: Path, share: float) -> None:
    save(result, 1)
    follower = follow(result)
    follower.look()
    path = save(result, 2)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    for _ in range(3):
        look = follower.look()
        assert look.animation is None
        assert look.notes == ()
    path.write_bytes(whole)
    assert epochs(follower.look()) == [1, 2]


def test_the_first_snapshot_may_be_half_there(result: Path) -> None:
    path = save(result, 1)
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    follower = follow(result)
    assert follower.look().animation is None
    path.write_bytes(whole)
    assert epochs(follower.look()) == [1]


def test_what_stays_broken_is_named_once_when_a_later_one_is_whole(result: Path) -> None:
    save(result, 1)
    follower = follow(result)
    follower.look()
    broken = save(result, 2)
    broken.write_bytes(broken.read_bytes()[:100])
    assert follower.look().notes == ()
    save(result, 3)
    look = follower.look()
    assert epochs(look) == [1, 3]
    assert [broken.name in note for note in look.notes] == [True]
    save(result, 4)
    assert follower.look().notes == ()
    assert follower.close() == ()


def test_what_is_broken_at_the_end_is_named_then(result: Path) -> None:
    save(result, 1)
    follower = follow(result)
    follower.look()
    broken = save(result, 2)
    broken.write_bytes(broken.read_bytes()[:100])
    follower.look()
    (note,) = follower.close()
    assert broken.name in note
    assert follower.close() == ()


def test_not_finite_weights_are_named_and_left_out(result: Path) -> None:
    save(result, 1)
    bad = weights(2)
    bad["l1/W"][0, 0] = np.nan
    np.savez(result / "model_epoch_002.npz", **bad)
    follower = follow(result)
    assert epochs(follower.look()) == [1]
    save(result, 3)
    look = follower.look()
    assert epochs(look) == [1, 3]
    assert "model_epoch_002.npz" in " ".join(look.notes)


def test_an_emptied_folder_that_is_filled_anew_is_a_new_run(result: Path) -> None:
    for epoch in (1, 2, 3):
        save(result, epoch)
    follower = follow(result)
    follower.look()
    shutil.rmtree(result)
    assert follower.look().animation is None
    save(result, 1, seed=100)
    look = follower.look()
    assert epochs(look) == [1]
    assert look.is_new_run
    assert "a new run begins" in look.notes[0]


def test_a_new_run_is_seen_where_nobody_saw_the_folder_empty(result: Path) -> None:
    for epoch in (1, 2, 3):
        save(result, epoch)
    follower = follow(result)
    follower.look()
    shutil.rmtree(result)
    save(result, 1, seed=100)
    save(result, 2, seed=101)
    assert follower.look().is_new_run


def test_a_training_that_keeps_its_newest_snapshot_only_is_one_run(result: Path) -> None:
    old = save(result, 1)
    follower = follow(result)
    follower.look()
    for epoch in (2, 3):
        new = save(result, epoch)
        old.unlink()
        old = new
        look = follower.look()
        assert epochs(look) == [epoch]
        assert not look.is_new_run


def test_a_log_that_grows_gives_a_new_picture(result: Path) -> None:
    save(result, 1)
    (result / "log.csv").write_text("epoch,loss\n1,3.0\n")
    follower = follow(result)
    assert follower.look().animation is not None
    (result / "log.csv").write_text("epoch,loss\n1,3.0\n2,2.5\n")
    look = follower.look()
    assert look.animation is not None
    assert look.animation.run.metrics["loss"].tolist() == [3.0, 2.5]


def test_files_that_are_not_of_the_run_give_no_new_picture(result: Path) -> None:
    save(result, 1)
    follower = follow(result)
    follower.look()
    (result / "loss.png").write_bytes(b"a picture")
    look = follower.look()
    assert look.has_changed
    assert look.animation is None


def test_an_output_in_the_folder_is_no_change(result: Path) -> None:
    save(result, 1)
    follower = Follower(
        folder=result, reading=Reading(), options=Options(), apart_from=[result / "live.gif", result / "frames"]
    )
    follower.look()
    follower.look()
    (result / "live.gif").write_bytes(b"GIF89a")
    (result / "frames").mkdir()
    (result / "frames" / "00000.png").write_bytes(b"a frame")
    assert follower.look() == Look()


def test_a_choice_that_does_not_fit_is_an_error(result: Path) -> None:
    save(result, 1)
    with pytest.raises(OptionError):
        follow(result, layers=("l9", "l1")).look()


def test_files_are_listed_below_links_and_each_once(tmp_path: Path) -> None:
    (tmp_path / "run" / "checkpoint-1").mkdir(parents=True)
    (tmp_path / "run" / "checkpoint-1" / "model.npz").write_bytes(b"1")
    (tmp_path / "run" / ".hidden").write_bytes(b"1")
    (tmp_path / "run" / "again").symlink_to(tmp_path / "run")
    (tmp_path / "run" / "nowhere").symlink_to(tmp_path / "nothing")
    assert list(list_files(tmp_path / "run")) == [tmp_path / "run" / "checkpoint-1" / "model.npz"]
    assert list_files(tmp_path / "nothing") == {}


FORMATS = sorted(path.name for path in FIXTURES.iterdir() if path.is_dir())


@pytest.mark.parametrize("name", FORMATS)
def test_half_a_snapshot_of_any_format_is_taken_when_it_is_whole(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    shutil.copytree(FIXTURES / name, folder)
    follower = follow(folder)
    animation = follower.look().animation
    assert animation is not None
    *before, newest = animation.run.snapshots
    whole = newest.path.read_bytes()
    for length in (len(whole) // 2, len(whole) - 1):
        newest.path.write_bytes(whole[:length])
        animation = follow(folder).look().animation
        assert animation is not None
        if not newest.path.name.endswith(".index.json"):  # whose end is a line break, which may be missing
            assert [each.path for each in animation.run.snapshots] == [each.path for each in before]
    newest.path.write_bytes(whole)
    animation = follow(folder).look().animation
    assert animation is not None
    assert [each.path for each in animation.run.snapshots] == [each.path for each in (*before, newest)]


def test_what_has_not_changed_is_not_opened_again_for_what_it_holds(
    result: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nnanim.reading.snapshots import detect

    opened: list[str] = []
    scan = detect.scan

    def counted(path: Path, *more: Any) -> Any:
        opened.append(path.name)
        return scan(path, *more)

    monkeypatch.setattr(detect, "scan", counted)
    save(result, 1)
    follower = follow(result)
    follower.look()
    save(result, 2)
    assert epochs(follower.look()) == [1, 2]
    assert opened == ["model_epoch_001.npz", "model_epoch_002.npz"]
    np.savez(result / "model_epoch_001.npz", **weights(9), epoch=np.array(1))  # another file of the same name
    assert epochs(follower.look()) == [1, 2]
    assert opened[2:] == ["model_epoch_001.npz"]
