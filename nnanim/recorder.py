"""Record a training from Python: a snapshot and a line of the log for each call, in a folder that ``render`` draws."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nnanim.errors import OptionError, OutputError
from nnanim.reading.snapshots.npz import RECORDED
from nnanim.reading.snapshots.parameters import turn_axes

LOG_NAME = "log.jsonl"
_SNAPSHOT = re.compile(r"snapshot_([0-9]{1,18})\.npz")
_COUNTERS = ("epoch", "iteration")


class Recorder:
    """Write what a training does into a folder, moment by moment.

    Each call of `record` leaves a whole snapshot and a whole line of the log behind before it returns, so that a crash
    loses nothing that was recorded.

    Example:
        >>> recorder = nnanim.Recorder("result")
        >>> for epoch in range(1, 11):
        ...     loss = train_one_epoch(model)
        ...     recorder.record(model, epoch=epoch, loss=loss)
    """

    def __init__(self, folder: str | os.PathLike[str] = "result", *, resume: bool = False) -> None:
        """Make the folder.

        Args:
            folder: where the recording goes.
            resume: True goes on with the recording that is there.

        Raises:
            OutputError: the folder cannot be made, or holds a recording already and ``resume`` is False.
        """
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            taken = [int(match[1]) for name in os.listdir(self.folder) if (match := _SNAPSHOT.fullmatch(name))]
            log = self.folder / LOG_NAME
            if (taken or log.exists()) and not resume:
                raise OutputError(
                    f"{str(self.folder)!r} holds a recording already (give another folder, or resume=True to go on)"
                )
            if log.exists():
                _drop_half_line(log)
        except OSError as error:
            if isinstance(error, OutputError):
                raise
            raise OutputError(f"cannot record into {str(self.folder)!r}: {error.strerror}") from error
        self._count = max(taken, default=0)

    def record(
        self, model_or_arrays: Any, *, epoch: float | None = None, iteration: int | None = None, **metrics: Any
    ) -> Path:
        """Record the weights of this moment, and metrics.

        Args:
            model_or_arrays: a PyTorch module, a Keras model, a Chainer link, scikit-learn's ``MLPClassifier`` or
                ``MLPRegressor``, a dict of arrays by name, or a list of arrays: weight, bias, weight, bias, …
            epoch: epochs that are complete.
            iteration: updates that are done; where both are None, the number of the record.
            metrics: numbers by name.

        Returns:
            The snapshot that was written.

        Raises:
            OptionError: there are no weights, or a metric is no number.
            OutputError: the files cannot be written.
        """
        arrays = arrays_of(model_or_arrays)
        if not any(array.ndim > 1 for array in arrays.values()):
            raise OptionError(f"{_kind(model_or_arrays)} has no weights (a weight is an array with two axes or more)")
        number = self._count + 1
        if epoch is None and iteration is None:
            iteration = number
        counters = {"epoch": epoch, "iteration": iteration}
        row: dict[str, float] = {}
        for name, value in counters.items():
            if value is not None:
                row[name] = _number(name, value)
        row |= {name: _number(name, value) for name, value in metrics.items()}
        members = {name: np.asarray(row[name]) for name in _COUNTERS if name in row}
        path = self.folder / f"snapshot_{number:06}.npz"
        try:
            self._write(path, arrays | members | {RECORDED: np.asarray(1)})
            with (self.folder / LOG_NAME).open("ab") as log:
                log.write(json.dumps(row).encode() + b"\n")
                log.flush()
                os.fsync(log.fileno())
        except OSError as error:
            raise OutputError(f"cannot record into {str(self.folder)!r}: {error.strerror}") from error
        self._count = number
        return path

    def _write(self, path: Path, arrays: Mapping[str, np.ndarray]) -> None:
        # Folders are read without what begins with "tmp": a snapshot is there when it is whole.
        named: dict[str, Any] = dict(arrays)
        half = path.with_name(f"tmp_{path.name}")
        try:
            with half.open("wb") as file:
                np.savez(file, **named)
                file.flush()
                os.fsync(file.fileno())
            os.replace(half, path)
        finally:
            half.unlink(missing_ok=True)


def arrays_of(model_or_arrays: Any) -> dict[str, np.ndarray]:
    """Return weights and biases by name, weights as (out, in) where the model's kind tells how it keeps them.

    Raises:
        OptionError: it is nothing that has weights, or holds something else than numbers.
    """
    arrays = {name: _array(name, value) for name, value in _named(model_or_arrays)}
    return {name: array for name, array in arrays.items() if array.dtype.kind == "f" and array.ndim > 0}


def _named(source: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(source, Mapping):
        yield from ((str(name), value) for name, value in source.items())
    elif isinstance(source, list | tuple):
        yield from ((f"arr_{place}", value) for place, value in enumerate(source))
    elif callable(getattr(source, "get_weights", None)) and hasattr(source, "weights"):
        yield from _of_keras(source.weights)  # before PyTorch: with that backend a Keras model is a module too
    elif callable(getattr(source, "state_dict", None)) and callable(getattr(source, "named_parameters", None)):
        yield from source.state_dict().items()
    elif callable(getattr(source, "namedparams", None)):
        yield from _of_chainer(source.namedparams())
    elif hasattr(source, "coefs_") and hasattr(source, "intercepts_"):
        for place, (weight, bias) in enumerate(zip(source.coefs_, source.intercepts_, strict=True), 1):
            yield f"layer{place}.weight", np.asarray(weight).T
            yield f"layer{place}.bias", bias
    else:
        raise OptionError(
            f"{_kind(source)} cannot be recorded (give a PyTorch module, a Keras model, a Chainer link, a fitted"
            " MLPClassifier, or arrays by name or in a list)"
        )


def _of_chainer(parameters: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    for path, parameter in parameters:
        name = path.strip("/").removeprefix("predictor/").replace("/", ".")
        if parameter.array is not None:  # not used yet
            yield re.sub(r"\bb$", "bias", re.sub(r"\bW$", "weight", name)), parameter.array


def _of_keras(variables: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    for variable in variables:
        layer, _, last = variable.path.rpartition("/")
        array = _array(variable.path, variable)
        if last in ("kernel", "embeddings") and array.ndim > 1:
            yield f"{layer}/weight", array.transpose(turn_axes(array.ndim))
        else:
            yield variable.path, array


def _array(name: str, value: Any) -> np.ndarray:
    """Return an array of what a framework holds: on the processor, without gradient, of a type that NumPy has."""
    for step in ("detach", "cpu"):
        if callable(getattr(value, step, None)):
            value = getattr(value, step)()
    if str(getattr(value, "dtype", "")).endswith("bfloat16") and callable(getattr(value, "float", None)):
        value = value.float()
    if callable(getattr(value, "numpy", None)):
        value = value.numpy()
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise OptionError(f"{name!r} holds {array.dtype} (weights and biases are real numbers)")
    return array.copy()


def _number(name: str, value: Any) -> float:
    """Return a metric as a number: of a float, an array or a tensor with one value."""
    value = getattr(value, "array", value)  # a Chainer variable
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise OptionError(f"{name} is {value!r}: it must be a number") from error
    if name in _COUNTERS and not (math.isfinite(number) and number >= 0):
        raise OptionError(f"{name} is {value!r}: it must be a number from 0")
    return int(number) if number.is_integer() and name in _COUNTERS else number


def _drop_half_line(log: Path) -> None:
    """Cut off what was being written when the training broke off."""
    data = log.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        with log.open("r+b") as file:
            file.truncate(whole)


def _kind(source: Any) -> str:
    return f"an object of type {type(source).__name__!r}"
