"""What colour stands for: how |weight| changed, or the sign of the weight; a class for each."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from nnanim.design.scales import IntensityScale, WidthScale
from nnanim.design.theme import Ramp, Theme
from nnanim.errors import OptionError


class Coloring(Protocol):
    """What colour stands for.

    Attributes:
        name: as the option has it.
        ends: the words for the ramp's first and last colour.
        ends_in_ink: whether the last frame is in neutral ink, as the article ends.
    """

    name: str
    ends: tuple[str, str]
    ends_in_ink: bool

    def ramp(self, theme: Theme) -> Ramp:
        """Return the colours of -1, 0 and 1."""

    def number(self, value: np.ndarray, change: np.ndarray, has_sign: np.ndarray | bool = True) -> np.ndarray:
        """Return the number that is coloured, (N,), of values and changes (N,); ``has_sign`` is False for norms."""

    def scale(self, widths: WidthScale, changes: np.ndarray, groups: np.ndarray | None = None) -> IntensityScale:
        """Make the scale of these numbers, over a run's widths and changes (S, N); `groups` as in `WidthScale`."""

    def small_print(self, symbol: str, since: str, domain: str) -> str:
        """Say where the colour is full, and since when."""

    def is_explained(self, snapshots: int) -> bool:
        """Tell whether a run of so many snapshots has colours at all."""


class ByChange:
    """Red where |weight| has grown, blue where it has shrunk."""

    name = "change"
    ends: tuple[str, str] = ("weakened", "strengthened")
    ends_in_ink = True

    def ramp(self, theme: Theme) -> Ramp:
        return theme.weakened, theme.unchanged, theme.strengthened

    def number(self, value: np.ndarray, change: np.ndarray, has_sign: np.ndarray | bool = True) -> np.ndarray:
        return change

    def scale(self, widths: WidthScale, changes: np.ndarray, groups: np.ndarray | None = None) -> IntensityScale:
        return IntensityScale.of_changes(changes, groups)

    def small_print(self, symbol: str, since: str, domain: str) -> str:
        return f"{symbol} since {since}, full from ±{domain}"

    def is_explained(self, snapshots: int) -> bool:
        return snapshots > 1


class BySign:
    """One colour for positive weights and one for negative ones; norms, which have no sign, stay grey."""

    name = "sign"
    ends: tuple[str, str] = ("negative", "positive")
    ends_in_ink = False

    def ramp(self, theme: Theme) -> Ramp:
        return theme.negative, theme.unchanged, theme.positive

    def number(self, value: np.ndarray, change: np.ndarray, has_sign: np.ndarray | bool = True) -> np.ndarray:
        signed: np.ndarray = value * has_sign
        return signed

    def scale(self, widths: WidthScale, changes: np.ndarray, groups: np.ndarray | None = None) -> IntensityScale:
        return IntensityScale.of_weights(widths)

    def small_print(self, symbol: str, since: str, domain: str) -> str:
        return f"{symbol.strip('|')}, full from ±{domain}"

    def is_explained(self, snapshots: int) -> bool:
        return True


COLORINGS: dict[str, Coloring] = {coloring.name: coloring for coloring in (ByChange(), BySign())}


def check_has_sign(coloring: Coloring, *, only_norms: bool) -> None:
    """Refuse signs of what has none.

    Raises:
        OptionError: colours would stand for signs, and every edge is a norm.
    """
    if coloring.name == BySign.name and only_norms:
        raise OptionError("color is 'sign': the edges of this network are norms of kernels, which have no sign")
