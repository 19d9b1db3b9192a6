"""From a folder to a file in one call. Light to import: other processes can start before this one reads anything."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nnanim.options import (
    CHECKING,
    DRAWING,
    READING,
    SUFFIX_FORMATS,
    OptionFields,
    Options,
    Reading,
    Writing,
    make_options,
)
from nnanim.processes.worthwhile import pays_off

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from typing_extensions import Unpack

    from nnanim.animation import Animation


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
    **options: Unpack[OptionFields],
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
    outputs: Sequence[str | Path] = [output] if isinstance(output, str | Path) else list(output)
    reading = Reading(shape=shape, layers=layers, model=model, files=files, log=log, skip_bad=skip_bad)

    def tell(stage: str, done: int, total: int) -> None:
        if progress is not None and stage == DRAWING and done:
            progress(done, total)

    animation = draw_run(
        result, outputs, make_options(options), reading, Writing(file_format, jobs, executor), progress=tell
    )
    assert animation is not None  # which happens only where something may be left alone
    return animation


def draw_run(
    result: str | Path,
    outputs: Sequence[str | Path],
    options: Options,
    reading: Reading,
    writing: Writing,
    *,
    if_changed: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> Animation | None:
    """Draw one folder with options that are made already.

    Args:
        result: the folder.
        outputs: as in `Animation.write`.
        options: what is drawn, and how.
        reading: how the folder is read.
        writing: how the outputs are written.
        if_changed: leave alone every output that was made from the same run with the same options.
        progress: called with the stage (``"checking"``, ``"reading"``, ``"drawing"``), how much of it is done and how
            much there is: snapshots that are read, frames that are drawn, 0 of 0 while the folder is checked.

    Returns:
        The animation, or None where there was nothing to do.
    """

    def tell(stage: str) -> Callable[[int, int], None]:
        return lambda done, total: None if progress is None else progress(stage, done, total)

    tell(CHECKING)(0, 0)
    if may_pay_off(result, outputs, options, writing):
        from nnanim.processes.pool import prepare_pool

        prepare_pool()  # before anything heavy is imported here: the other processes import it at the same time
    from nnanim.animation import Animation
    from nnanim.encoders.places import refuse_inputs
    from nnanim.encoders.seal import sealable
    from nnanim.encoders.targets import find_targets
    from nnanim.processes.reading import readers_for
    from nnanim.reading.opening import open_run

    targets = find_targets(outputs, writing.file_format)
    run = open_run(result, **vars(reading.for_options(options)))
    refuse_inputs(outputs, run.files)
    made_from = None
    if if_changed:
        from nnanim.if_changed import fingerprint, is_current

        made_from = fingerprint(run, options)
        outputs = [path for path, target in zip(outputs, targets, strict=True) if not is_current(target, made_from)]
        if not outputs:
            return None
    readers = readers_for(writing.jobs, writing.executor)
    animation = Animation.of(run, options, progress=tell(READING), readers=readers)
    tell(DRAWING)(0, len(animation))
    animation.write(*outputs, comment=made_from and sealable(made_from), progress=tell(DRAWING), **vars(writing))
    return animation


def may_pay_off(result: str | Path, outputs: Sequence[str | Path], options: Options, writing: Writing) -> bool:
    """Tell whether several processes may draw a folder sooner than one, as far as a look at it can tell.

    Args:
        result: the folder, each of whose entries may be a snapshot.
        outputs: what it is drawn into.
        options: how many frames there are for a snapshot.
        writing: by how many processes.
    """
    if writing.executor is not None:
        return False
    try:
        with os.scandir(result) as entries:
            count = sum(1 for _ in entries)
    except OSError:  # which whoever reads the folder explains
        return False
    shown = min(count // max(options.every, 1), options.max_frames or count)
    formats = [writing.file_format or SUFFIX_FORMATS.get(Path(path).suffix.lower(), "frames") for path in outputs]
    return pays_off(shown * (options.tween + 1), 0, writing.jobs, formats)
