"""From a folder to a file in one call. Light to import: other processes can start before this one reads anything."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnanim.options import SUFFIX_FORMATS
from nnanim.processes.worthwhile import pays_off

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from nnanim.animation import Animation

READING = ("layers", "model", "files", "log", "skip_bad")
WRITING = ("file_format", "progress", "jobs", "executor")


def render(
    result: str | Path,
    output: str | Path | Sequence[str | Path],
    shape: Sequence[int] | None = None,
    *,
    layers: Sequence[str] | None = None,
    model: str | None = None,
    files: str | Sequence[str] | None = None,
    log: str | Path | None = None,
    skip_bad: bool = False,
    file_format: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    jobs: int = 1,
    executor: Executor | None = None,
    **options: Any,
) -> Animation:
    """Draw the run in the folder that training left behind into a file, or into several.

    Args:
        result: the folder.
        output: as in `Animation.write`, one or a list of them.
        shape: sizes of the layers, input first; by default as found.
        layers, model, files, log, skip_bad: as in `nnanim.open_run`.
        file_format, progress, jobs, executor: as in `Animation.write`.
        options: the fields of `nnanim.options.Options`.

    Returns:
        The animation that was written.

    Raises:
        NnanimError: the folder, an option or the output is not as it must be.
    """
    reading = {"layers": layers, "model": model, "files": files, "log": log, "skip_bad": skip_bad}
    writing = {"file_format": file_format, "progress": progress, "jobs": jobs, "executor": executor}
    animation = _render(result, output, shape, reading, writing, options, if_changed=False)
    assert animation is not None  # which happens only where something may be left alone
    return animation


def render_if_changed(
    result: str | Path,
    output: str | Path | Sequence[str | Path],
    shape: Sequence[int] | None = None,
    **how: Any,
) -> Animation | None:
    """Do as `render`, but leave alone every output that was made from the same run with the same options.

    Args:
        result: the folder.
        output: as in `Animation.write`, one or a list of them.
        shape: sizes of the layers, input first; by default as found.
        how: all other arguments of `render`.

    Returns:
        The animation, or None where there was nothing to do.
    """
    reading: dict[str, Any] = {name: how.pop(name) for name in READING if name in how}
    writing: dict[str, Any] = {name: how.pop(name) for name in WRITING if name in how}
    return _render(result, output, shape, reading, writing, how, if_changed=True)


def _render(
    result: str | Path,
    output: str | Path | Sequence[str | Path],
    shape: Sequence[int] | None,
    reading: dict[str, Any],
    writing: dict[str, Any],
    options: dict[str, Any],
    *,
    if_changed: bool,
) -> Animation | None:
    outputs: Sequence[str | Path] = [output] if isinstance(output, str | Path) else list(output)
    if may_pay_off(result, outputs, **writing, **options):
        from nnanim.processes.pool import prepare_pool

        prepare_pool()  # before anything heavy is imported here: the other processes import it at the same time
    from nnanim.animation import Animation
    from nnanim.encoders.places import refuse_inputs
    from nnanim.encoders.seal import sealable
    from nnanim.encoders.targets import find_targets
    from nnanim.options import make_options
    from nnanim.reading.run import open_run

    targets = find_targets(outputs, writing.get("file_format"))
    run = open_run(result, shape=shape, **reading)
    refuse_inputs(outputs, run.files)
    made_from = None
    if if_changed:
        from nnanim.if_changed import fingerprint, is_current

        made_from = fingerprint(run, shape, make_options(options))
        outputs = [path for path, target in zip(outputs, targets, strict=True) if not is_current(target, made_from)]
        if not outputs:
            return None
    animation = Animation(run, shape, **options)
    animation.write(*outputs, comment=made_from and sealable(made_from), **writing)
    return animation


def may_pay_off(
    result: str | Path,
    outputs: Sequence[str | Path],
    *,
    file_format: str | None = None,
    jobs: int = 1,
    executor: Executor | None = None,
    every: int = 1,
    max_frames: int | None = None,
    tween: int = 0,
    **_options: Any,
) -> bool:
    """Tell whether several processes may draw a folder sooner than one, as far as a look at it can tell.

    Args:
        result: the folder, each of whose entries may be a snapshot.
        outputs: what it is drawn into.
        file_format, jobs, executor: as in `Animation.write`.
        every, max_frames, tween: as in `nnanim.options.Options`.
    """
    if executor is not None:
        return False
    try:
        with os.scandir(result) as entries:
            count = sum(1 for _ in entries)
    except OSError:  # which whoever reads the folder explains
        return False
    shown = min(count // max(every, 1), max_frames or count)
    formats = [file_format or SUFFIX_FORMATS.get(Path(path).suffix.lower(), "frames") for path in outputs]
    return pays_off(shown * (tween + 1), 0, jobs, formats)
