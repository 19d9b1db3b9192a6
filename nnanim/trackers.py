"""Put the picture and the player of a run where people look at their runs: TensorBoard, Weights & Biases, MLflow."""

from __future__ import annotations

import importlib.util
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from nnanim.errors import OptionError, OutputError
from nnanim.extras import pip_install

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from nnanim.animation import Animation
    from nnanim.options import OptionFields

TRACKERS = {"tensorboard": "tensorboard", "wandb": "wandb", "mlflow": "mlflow"}  # and what pip installs
EVENTS = "tensorboard"  # the folder in a result folder, where no other is given
NAME = "nnanim"
PICTURE, PAGE = "animation.gif", "player.html"


def check_tracker(tracker: str) -> None:
    """Refuse a tracker before the training, not after it.

    Raises:
        OptionError: it is unknown, or not installed.
    """
    if tracker not in TRACKERS:
        raise OptionError(f"log_to is {tracker!r}: it must be one of {', '.join(TRACKERS)}")
    if importlib.util.find_spec(tracker) is None:
        raise OptionError(
            f"log_to is {tracker!r}, but the package {TRACKERS[tracker]!r} is not installed:"
            f" {pip_install(TRACKERS[tracker])}"
        )


def log_to(
    tracker: str,
    result: str | os.PathLike[str],
    *,
    folder: str | os.PathLike[str] | None = None,
    step: int | None = None,
    name: str = NAME,
    **options: Unpack[OptionFields],
) -> None:
    """Draw the run in a result folder and hand the picture and the player to a tracker.

    Weights & Biases and MLflow get them for the run that is active in this process. In TensorBoard the picture is
    among the images; since it shows no pages, the player lies beside its events, and its texts say where.

    Args:
        tracker: ``"tensorboard"``, ``"wandb"`` or ``"mlflow"``.
        result: the folder that the training left behind.
        folder: for TensorBoard, where its events go; by default a folder ``tensorboard`` in the result folder.
        step: for TensorBoard and Weights & Biases, at which step; by default the iteration of the last snapshot in
            TensorBoard (its epoch without one), and the next step in Weights & Biases.
        name: what the picture and the player are filed under.
        options: the fields of `nnanim.options.Options`.

    Raises:
        OptionError: the tracker is unknown, not installed, or has no active run.
        OutputError: something cannot be written.
        NnanimError: the folder cannot be drawn.

    Example:
        >>> nnanim.log_to("wandb", "result", theme="dark")
    """
    check_tracker(tracker)
    if folder is not None and tracker != EVENTS:
        raise OptionError(f"a folder is given for {tracker!r}, which files things with its active run")
    from nnanim.animation import Animation
    from nnanim.options import make_options
    from nnanim.reading.opening import open_run

    send = _SENDERS[tracker]()
    animation = Animation.of(open_run(result), make_options(options))
    try:
        made = tempfile.TemporaryDirectory(prefix="nnanim-", ignore_cleanup_errors=True)
    except OSError as error:
        raise OutputError(f"there is no place for temporary files: {error.strerror or error}") from error
    with made as place:
        picture, page = Path(place) / PICTURE, Path(place) / PAGE
        animation.write(picture, page)
        try:
            send(animation, picture, page, name, step, Path(folder or Path(result) / EVENTS))
        except OSError as error:
            raise OutputError(f"{tracker} cannot be given the picture: {error}") from error


Send = Callable[["Animation", Path, Path, str, "int | None", Path], None]


def _tensorboard() -> Send:
    return _send_to_tensorboard


def _send_to_tensorboard(
    animation: Animation, picture: Path, page: Path, name: str, step: int | None, folder: Path
) -> None:
    """Write an events file with the picture, as it is, and where the player lies.

    TensorBoard hands the bytes of an image to the browser, which plays a GIF.
    """
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.text.summary_v2 import text_pb
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    last = animation[-1]
    moment = last.iteration if last.iteration is not None else last.epoch
    at = step if step is not None else int(moment or 0)
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f"{name.replace('/', '-')}-{page.name}"
    beside.write_bytes(page.read_bytes())
    width, height = animation.size_px
    image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=picture.read_bytes())  # 3: RGB
    told = text_pb(f"{name}/player", f"Step by step: open `{beside.resolve()}` in a browser.")
    writer = EventFileWriter(str(folder), filename_suffix=f".{NAME}")
    writer.add_event(_event(Summary(value=[Summary.Value(tag=f"{name}/{picture.stem}", image=image)]), at))
    writer.add_event(_event(told, at))
    writer.close()


def _event(summary: object, step: int) -> object:
    from tensorboard.compat.proto.event_pb2 import Event

    event: object = Event(wall_time=time.time(), step=step, summary=summary)
    return event


def _wandb() -> Send:
    import wandb

    run = wandb.run
    if run is None:
        raise OptionError("Weights & Biases has no active run in this process: call wandb.init before")

    def send(_animation: Animation, picture: Path, page: Path, name: str, step: int | None, _folder: Path) -> None:
        with page.open(encoding="utf-8") as file:
            player = wandb.Html(file, inject=False)
        movie = wandb.Video(str(picture), format="gif")
        run.log({f"{name}/{picture.stem}": movie, f"{name}/{page.stem}": player}, step=step)

    return send


def _mlflow() -> Send:
    import mlflow

    run = mlflow.active_run()
    if run is None:
        raise OptionError("MLflow has no active run in this process: call it inside of mlflow.start_run")

    def send(_animation: Animation, picture: Path, page: Path, name: str, _step: int | None, _folder: Path) -> None:
        for file in (picture, page):
            mlflow.log_artifact(str(file), name, run_id=run.info.run_id)

    return send


_SENDERS: dict[str, Callable[[], Send]] = {"tensorboard": _tensorboard, "wandb": _wandb, "mlflow": _mlflow}
