from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import result_folder
from gif_reader import read_gif

from nnanim import Animation, ShapeError, create_learn_animation, createLearnAnimation, open_run
from nnanim.errors import NnanimError

SHAPE = [4, 5, 3]


@pytest.fixture(scope="module")
def trained(chainer: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A Chainer trainer that has run for three epochs as the article's did, and its result folder."""
    links, training = chainer.links, chainer.training
    out = tmp_path_factory.mktemp("trained") / "result"
    random = np.random.default_rng(0)
    x = random.normal(size=(12, 4)).astype(np.float32)
    data = chainer.datasets.TupleDataset(x, (x[:, 0] > 0).astype(np.int32))

    class Network(chainer.Chain):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            with self.init_scope():
                self.l1 = links.Linear(4, 5)
                self.l2 = links.Linear(5, 3)

        def forward(self, inputs: Any) -> Any:
            return self.l2(chainer.functions.tanh(self.l1(inputs)))

    optimizer = chainer.optimizers.Adam(alpha=0.05).setup(links.Classifier(Network()))
    updater = training.StandardUpdater(chainer.iterators.SerialIterator(data, 6), optimizer)
    trainer = training.Trainer(updater, (3, "epoch"), out=str(out))
    trainer.extend(training.extensions.LogReport())
    trainer.extend(training.extensions.snapshot(filename="trainer_{.updater.epoch:05}"), trigger=(1, "epoch"))
    trainer.run()
    return trainer, out


def model_of(trainer: Any) -> Any:
    return trainer.updater.get_optimizer("main").target


def test_animation_is_drawn_and_the_trainer_left_as_it_was(trained: tuple[Any, Path], tmp_path: Path) -> None:
    trainer, out = trained
    model = model_of(trainer)
    # Weights that no snapshot holds: loading one into the trainer would be noticed.
    for param in model.params():
        param.array += np.float32(0.5)
    before = {name: (id(param.array), param.array.tobytes()) for name, param in model.namedparams()}
    counters = (trainer.updater.iteration, trainer.updater.epoch)
    files = sorted(path.name for path in out.iterdir())
    animation = create_learn_animation(trainer, SHAPE, out=str(out), file_name=str(tmp_path / "learn.gif"))
    assert {name: (id(param.array), param.array.tobytes()) for name, param in model.namedparams()} == before
    assert (trainer.updater.iteration, trainer.updater.epoch) == counters
    assert model_of(trainer) is model
    assert sorted(path.name for path in out.iterdir()) == files
    assert isinstance(animation, Animation)
    gif = read_gif(tmp_path / "learn.gif")
    assert gif.size == (900, 600)
    assert gif.delays_ms == [100, 100, 2000]


def test_frames_hold_what_the_training_left(trained: tuple[Any, Path], tmp_path: Path) -> None:
    trainer, out = trained
    animation = create_learn_animation(trainer, SHAPE, out, (3, 2), tmp_path / "learn.gif")
    assert [(frame.epoch, frame.iteration) for frame in animation] == [(1, 2), (2, 4), (3, 6)]
    log = open_run(out).metrics
    shown = [frame.metrics["main/accuracy"] for frame in animation]
    assert shown == pytest.approx(log["main/accuracy"].tolist())
    assert np.abs(animation[-1].edges.change).max() > 0
    assert read_gif(tmp_path / "learn.gif").size == (300, 200)


def test_defaults_are_the_article_s() -> None:
    parameters = inspect.signature(create_learn_animation).parameters
    assert list(parameters) == ["trainer", "neural_shape", "out", "figsize", "file_name"]
    defaults = {name: each.default for name, each in parameters.items() if each.default is not inspect.Parameter.empty}
    assert defaults == {"out": "result", "figsize": (9, 6), "file_name": "default.gif"}
    named = inspect.signature(createLearnAnimation).parameters
    assert list(named) == ["trainer", "neuralShape", "out", "figsize", "fileName"]
    assert [each.default for each in named.values()] == [each.default for each in parameters.values()]


def test_article_s_own_names(trained: tuple[Any, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer, out = trained
    monkeypatch.chdir(out.parent)  # the defaults are relative: ./result and ./default.gif
    createLearnAnimation(trainer, neuralShape=SHAPE, figsize=(3, 2), fileName=str(tmp_path / "named.gif"))
    createLearnAnimation(trainer, SHAPE, figsize=[3, 2])
    try:
        assert Path("default.gif").read_bytes() == (tmp_path / "named.gif").read_bytes()
    finally:
        Path("default.gif").unlink()


WRONG = {
    "another size": (
        [4, 6, 3],
        "the shape 4,6,3 does not fit the trainer's model: it has the weights predictor/l1 (5, 4), predictor/l2 (3, 5)",
    ),
    "too few": (
        [4, 3],
        "the shape 4,3 does not fit the trainer's model: it has the weights predictor/l1 (5, 4), predictor/l2 (3, 5)",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_shape_that_is_not_the_trainer_s(trained: tuple[Any, Path], tmp_path: Path, case: str) -> None:
    trainer, out = trained
    shape, message = WRONG[case]
    with pytest.raises(ShapeError) as caught:
        create_learn_animation(trainer, shape, out, file_name=tmp_path / "learn.gif")
    assert str(caught.value) == message
    assert list(tmp_path.iterdir()) == []


def test_folder_of_another_network(trained: tuple[Any, Path], tmp_path: Path) -> None:
    trainer, _ = trained
    other = result_folder(tmp_path / "other", (4, 6, 3))
    with pytest.raises(ShapeError, match=r"^shape 4,5,3 does not fit snapshot "):
        create_learn_animation(trainer, SHAPE, other, file_name=tmp_path / "learn.gif")


def test_missing_folder(trained: tuple[Any, Path], tmp_path: Path) -> None:
    with pytest.raises(NnanimError, match=r"^no folder "):
        create_learn_animation(trained[0], SHAPE, tmp_path / "nowhere", file_name=tmp_path / "learn.gif")
