"""The function of the article that this program began with, under its own names.

The article's `createLearnAnimation` loaded every snapshot into the live trainer, which was left with the weights of the
last one. Here the trainer is only asked which model it trains; its weights stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nnanim.animation import Animation
from nnanim.errors import ShapeError
from nnanim.one_run import render


def create_learn_animation(
    trainer: Any,
    neural_shape: Sequence[int],
    out: str | Path = "result",
    figsize: tuple[float, float] = (9, 6),
    file_name: str | Path = "default.gif",
) -> Animation:
    """Draw what a Chainer trainer has written to its result folder, in the article's own time: it ends in ink for 2 s.

    Args:
        trainer: the `chainer.training.Trainer` that was run. It is not changed.
        neural_shape: sizes of the layers, input first, e.g. ``[4, 5, 5, 5, 3]``.
        out: folder with the trainer's snapshots and log.
        figsize: width and height in inches.
        file_name: the GIF to write.

    Returns:
        The animation that was written.

    Raises:
        ShapeError: the trainer's model does not have the declared shape.
        NnanimError: the folder or the output is not as it must be.
    """
    shape = tuple(int(size) for size in neural_shape)
    model = trainer.updater.get_optimizer("main").target
    weights = {name: param.shape for name, param in model.namedparams() if name.endswith("/W") and param.ndim == 2}
    declared = sorted(zip(shape[1:], shape[:-1], strict=True))
    if sorted(weights.values()) != declared:
        found = ", ".join(f"{name.removesuffix('/W').strip('/')} {size}" for name, size in sorted(weights.items()))
        raise ShapeError(
            f"the shape {','.join(map(str, shape))} does not fit the trainer's model: it has the weights {found}"
        )
    return render(out, file_name, shape, figsize=(figsize[0], figsize[1]), fps=10, hold_s=2, ending="ink")


def createLearnAnimation(
    trainer: Any,
    neuralShape: Sequence[int],
    out: str | Path = "result",
    figsize: tuple[float, float] = (9, 6),
    fileName: str | Path = "default.gif",
) -> Animation:
    """Call `create_learn_animation` with the argument names of the article."""
    return create_learn_animation(trainer, neuralShape, out, figsize, fileName)
