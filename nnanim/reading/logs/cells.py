"""Cells of a log: what is written there as a number."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

# A tensor as PyTorch, TensorFlow or NumPy print one, or a list of one number.
_WRAPPED = re.compile(
    r"(?:(?:tf\.)?tensor|array|np\.float(?:16|32|64)|variable)?[(\[]+\s*([^\s,()\[\]]+)\s*"
    r"(?:,\s*(?:device|dtype|grad_fn|requires_grad|shape)\b.*)?,?\s*[)\]]+",
    re.IGNORECASE,
)
_GROUPED_BY_COMMA = re.compile(r"[-+]?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]*)?")
_WITH_COMMA = re.compile(r"[-+]?[0-9]*,[0-9]+(?:e[-+]?[0-9]+)?", re.IGNORECASE)
_GROUPED_BY_POINT = re.compile(r"[-+]?[1-9][0-9]{0,2}(?:\.[0-9]{3})+,[0-9]+")
_COUNTED = re.compile(r"([0-9]{1,15})\s*(?:/|of)\s*[0-9]{1,15}")  # "3/10": the third of ten
MISSING = frozenset(("", "na", "n/a", "<na>", "none", "null", "-", "–", "#n/a"))
# What a writer puts where there is a value that is no number.
_GAPS = frozenset(("nan", "inf", "-inf", "+inf", "infinity", "-infinity", "-nan", "+infinity", "nan.0", "-nan(ind)"))


def number_in(text: str, *, decimal_comma: bool = False) -> tuple[float, bool] | None:
    """Return the number that a cell says and whether it is a per cent, as share of 1; None where it says none.

    Args:
        text: the cell, not one of `MISSING`.
        decimal_comma: whether ``1,234`` is a little more than 1.
    """
    if len(text) > 200:
        return None
    text = text.strip().strip("\"'").strip().replace("\N{MINUS SIGN}", "-")
    if text.lower() in _GAPS:
        return math.nan, False
    wrapped = _WRAPPED.fullmatch(text)
    if wrapped:
        text = wrapped[1]
    is_percent = text.endswith("%")
    if is_percent:
        text = text[:-1].rstrip()
    counted = _COUNTED.fullmatch(text)
    if counted:
        text = counted[1]
    text = _with_point(text, decimal_comma)
    try:
        number = float(text)
    except ValueError:
        return None
    return (number / 100 if is_percent else number), is_percent


def is_missing(text: str) -> bool:
    """Tell whether a cell says that there is no value."""
    return text.strip().lower() in MISSING


def decimal_comma(cells: Iterable[str], *, is_apart: bool) -> bool | None:
    """Tell whether a comma is the decimal sign of a table's numbers; None where there are none with a comma.

    Args:
        cells: of the whole table.
        is_apart: whether the table's cells are divided by something else than commas.
    """
    has_comma = has_point = False
    for cell in cells:
        text = cell.strip().rstrip("% ")
        if "," not in text:
            has_point = has_point or re.fullmatch(r"[-+]?[0-9]*\.[0-9]+(?:[eE][-+]?[0-9]+)?", text) is not None
        elif _GROUPED_BY_COMMA.fullmatch(text):
            has_comma = True
        elif _WITH_COMMA.fullmatch(text) or _GROUPED_BY_POINT.fullmatch(text):
            return True
    if not has_comma:
        return None
    return is_apart and not has_point


def _with_point(text: str, is_decimal: bool) -> str:
    if "_" in text:
        return "no number"  # float() would take 1_000
    if "," not in text:
        return text.replace("'", "").replace("\N{NO-BREAK SPACE}", "").replace("\N{NARROW NO-BREAK SPACE}", "")
    if _GROUPED_BY_POINT.fullmatch(text):
        return text.replace(".", "").replace(",", ".")
    if not is_decimal and _GROUPED_BY_COMMA.fullmatch(text):
        return text.replace(",", "")
    return text.replace(",", ".") if _WITH_COMMA.fullmatch(text) else "no number"
