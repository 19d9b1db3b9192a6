"""Watch a result folder until a training ends: outputs are written anew, pages are told."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from nnanim.animation import Animation
from nnanim.encoders.places import refuse_inputs
from nnanim.errors import RunError
from nnanim.options import Writing
from nnanim.watching.following import Follower, Look

Clock = Callable[[], float]


@dataclass
class Rewriter:
    """Outputs that are written anew, each whole or not at all.

    Between two writings lies at least the time that the last one took, so that a training keeps most of the machine.

    Attributes:
        outputs: as in `Animation.write`; there may be none.
        writing: as for `nnanim.render`.
        clock: seconds that never go back.
        written: how many times the outputs were written.
    """

    outputs: Sequence[str]
    writing: Writing
    clock: Clock = time.monotonic
    written: int = 0
    _waiting: Animation | None = None
    _not_before: float = field(default=float("-inf"))

    def take(self, animation: Animation) -> None:
        """Take what is to be written when it is time."""
        if self.outputs:
            self._waiting = animation

    def write_if_due(self) -> Animation | None:
        """Write, if there is something new and enough time has passed, and return what was written.

        Raises:
            OutputError: an output cannot be written.
            GraphvizError: Graphviz is missing or fails.
        """
        if self._waiting is None or self.clock() < self._not_before:
            return None
        return self.write_now()

    def write_now(self) -> Animation | None:
        """Write, if there is something new, and return what was written. Raises as `write_if_due`."""
        animation = self._waiting
        if animation is None:
            return None
        refuse_inputs(self.outputs, animation.run.files)
        begun = self.clock()
        animation.write(*self.outputs, **vars(self.writing))
        ended = self.clock()
        self._not_before = 2 * ended - begun
        self._waiting = None
        self.written += 1
        return animation


@dataclass(frozen=True)
class Ending:
    """What ends the watching by itself.

    Attributes:
        until: the epoch of the newest snapshot with which it ends, or None.
        idle_s: seconds without any change in the folder after which it ends, or None.
    """

    until: float | None = None
    idle_s: float | None = None

    def is_reached(self, animation: Animation) -> bool:
        """Tell whether the last epoch is there."""
        epoch = animation.run.moments[-1].epoch
        return self.until is not None and epoch is not None and epoch >= self.until


def watch(
    follower: Follower,
    rewriter: Rewriter,
    ending: Ending,
    *,
    wait: Callable[[], None],
    seen: Callable[[Look], None],
    wrote: Callable[[Animation], None],
    clock: Clock = time.monotonic,
) -> Animation:
    """Watch until the end is reached or Ctrl-C is pressed, which is the usual end; the outputs are then written last.

    Args:
        follower: looks at the folder.
        rewriter: writes the outputs.
        ending: what ends it.
        wait: returns when it is time to look again.
        seen: called with each look that gave something new.
        wrote: called after each writing.
        clock: seconds that never go back.

    Returns:
        The last picture of the folder.

    Raises:
        RunError: the end came before there was anything to draw.
        NnanimError: an option does not fit, or an output cannot be written.
    """
    last: Animation | None = None
    changed_s = clock()
    is_over = False
    try:
        while not is_over:
            look = follower.look()
            if look.has_changed:
                changed_s = clock()
            if look.animation is not None:
                last = look.animation
                rewriter.take(last)
            if look.animation is not None or look.notes:
                seen(look)
            is_over = last is not None and ending.is_reached(last)
            is_over = is_over or (ending.idle_s is not None and clock() - changed_s >= ending.idle_s)
            if not is_over:
                if (written := rewriter.write_if_due()) is not None:
                    wrote(written)
                wait()
    except KeyboardInterrupt:
        look = follower.look()
        if look.animation is not None:
            last = look.animation
            rewriter.take(last)
            seen(look)
        if last is None:
            raise
    if last is None:
        raise follower.trouble or RunError(f"nothing to draw in {str(follower.folder)!r}")
    if (written := rewriter.write_now()) is not None:
        wrote(written)
    seen(Look(notes=follower.close()))
    return last
