"""Numbers of 8 bits, by table.

Source: Micikevicius et al. 2022, https://arxiv.org/abs/2209.05433 (``e4m3fn``, ``e5m2``), and Noune et al. 2022,
https://arxiv.org/abs/2206.02915 (``fnuz``: one more in the bias, no infinity, no −0, whose bits are NaN).
"""

from __future__ import annotations

from functools import cache

import numpy as np

FLOAT8 = ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz")


def from_float8(bits: np.ndarray, name: str) -> np.ndarray:
    """Return the float32 numbers whose 8 bits are given as unsigned integers.

    Args:
        bits: of any shape, uint8.
        name: one of `FLOAT8`.
    """
    numbers: np.ndarray = _table(name)[bits]
    return numbers


@cache
def _table(name: str) -> np.ndarray:
    mantissa_bits: int = 3 if "e4m3" in name else 2
    is_fnuz = name.endswith("fnuz")
    bias = 2 ** (6 - mantissa_bits) - 1 + is_fnuz
    bits = np.arange(256)
    exponent = (bits & 127) >> mantissa_bits
    fraction = (bits & (2**mantissa_bits - 1)) / 2**mantissa_bits
    values = np.where(exponent > 0, 1 + fraction, fraction) * 2.0 ** (np.maximum(exponent, 1) - bias)
    values[bits > 127] *= -1
    if is_fnuz:
        values[128] = np.nan
    elif mantissa_bits == 3:
        values[[127, 255]] = np.nan
    else:
        values[124], values[252] = np.inf, -np.inf
        values[[125, 126, 127, 253, 254, 255]] = np.nan
    numbers: np.ndarray = values.astype(np.float32)
    return numbers
