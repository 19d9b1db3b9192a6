"""Rows of several kinds below each other: those of training and of validation, or a row for each metric.

A column of words says of which kind a row is: ``phase`` with ``train`` and ``val``, as scripts and MMEngine write it
(``mode``, https://github.com/open-mmlab/mmengine, LoggerHook), or ``metric`` with the names of what stands in
``value``, as long tables have it. Each kind gets columns of its own: ``train/loss``, ``val/loss``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nnanim.reading.logs.names import KIND, METRIC, counters_in
from nnanim.reading.logs.runs import moments_of

if TYPE_CHECKING:
    from nnanim.reading.logs.table import Table

MOST_KINDS = 100
_MOST_CELLS = 20_000_000
_STAGE = re.compile(r"tr|train|training|val|valid|validation|eval|evaluate|evaluation|test|testing|dev", re.IGNORECASE)
_IS_STAGE = re.compile(r"(?P<is>is_?)?(?P<stage>train|training|val|valid|validation|eval|test)", re.IGNORECASE)


def parted(table: Table) -> Table:
    """Return the table with columns for each kind of row, in the order of their moments; as it is where all are alike.

    A row without a word keeps its columns.
    """
    counting = set(counters_in(table.values).values())
    for name, words in (table.words | _flags(table)).items():
        kinds = [word for word in dict.fromkeys(words) if word]
        metrics = [each for each in table.values if each not in counting and each != name]
        if not 1 < len(kinds) <= MOST_KINDS or not 0 < len(kinds) * len(metrics) * table.count <= _MOST_CELLS:
            continue
        is_stage = KIND.fullmatch(name) is not None and any(map(_STAGE.fullmatch, kinds))
        is_metric = METRIC.fullmatch(name) is not None and len(metrics) == 1 and len(counting) > 0
        is_kind = is_stage or name in table.values or _tell_apart(table, words, kinds)
        if is_metric or (is_kind and _are_mixed(table, words, metrics)):
            unread = {column: cell for column, cell in table.unread.items() if column != name}
            split = _parted(replace(table, unread=unread), words, kinds, metrics, is_metric=is_metric)
            return _in_order(split, words, kinds)
    return table


def _flags(table: Table) -> dict[str, list[str]]:
    """Return the words of columns such as ``is_train`` with 1 and 0, or True and False."""
    found = {}
    for name in (*table.values, *table.words):
        match = _IS_STAGE.fullmatch(name)
        if match is None or (match["is"] is None and name in table.values):
            continue
        if name in table.values:
            texts = [f"{value:g}" for value in table.values[name].tolist()]
        else:
            texts = [word.lower() for word in table.words[name]]
        other = "val" if match["stage"].lower().startswith("train") else "train"
        said = {"1": match["stage"], "true": match["stage"], "0": other, "false": other}
        if set(texts) <= set(said):
            found[name] = [said[text] for text in texts]
    return found


def _are_mixed(table: Table, words: Sequence[str], metrics: Sequence[str]) -> bool:
    """Tell whether a metric has values in rows of several kinds."""
    kinds = [{words[row] for row in np.flatnonzero(table.stated[name]).tolist()} for name in metrics]
    return any(len(found) > 1 for found in kinds)


def _tell_apart(table: Table, words: Sequence[str], kinds: Sequence[str]) -> bool:
    """Tell whether several rows of most moments differ by their words alone, whatever the column is called."""
    found = counters_in(table.values)
    counter = next((found[each] for each in ("iteration", "epoch") if each in found), None)
    if counter is None or "" in words or table.starts:
        return False
    moments = table.values[counter].tolist()
    pairs = set(zip(moments, words, strict=True))
    return len(pairs) == len(moments) and 2 * len(set(moments)) <= len(moments) and 2 * len(kinds) <= len(moments)


def _parted(
    table: Table, words: Sequence[str], kinds: Sequence[str], metrics: Sequence[str], *, is_metric: bool
) -> Table:
    own = {kind: np.array([word == kind for word in words], dtype=bool) for kind in ["", *kinds]}
    flags = set(_flags(table))
    values = {name: column for name, column in table.values.items() if name not in metrics and name not in flags}
    stated = {name: table.stated[name] for name in values}
    percent = set(table.percent) - set(metrics)
    for metric in metrics:
        for kind, rows in own.items():
            has = table.stated[metric] & rows
            if has.any():
                name = metric if not kind else kind if is_metric else f"{kind}/{metric}"
                values[name], stated[name] = np.where(has, table.values[metric], np.nan), has
                percent |= {name} if metric in table.percent else set()
    return replace(table, values=values, stated=stated, percent=frozenset(percent), words={})


def _in_order(table: Table, words: Sequence[str], kinds: Sequence[str]) -> Table:
    """Sort rows where those of each kind are in order and only stand behind those of another."""
    moments = moments_of({name: table.values[column] for name, column in counters_in(table.values).items()})
    if moments is None or table.starts or not np.isfinite(moments).all():
        return table
    places = [np.array([place for place, word in enumerate(words) if word == kind], dtype=int) for kind in kinds]
    if (np.diff(moments) >= 0).all() or any((np.diff(moments[each]) < 0).any() for each in places):
        return table
    order = np.argsort(moments, kind="stable")
    values = {name: column[order] for name, column in table.values.items()}
    stated = {name: flags[order] for name, flags in table.stated.items()}
    return replace(table, values=values, stated=stated)
