"""Which of several models in a file, and which of several networks in a folder, is drawn: one, and all are named."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from nnanim.errors import OptionError
from nnanim.model.layer_choice import fit_to_sizes
from nnanim.reading.logs.log import Log
from nnanim.reading.names import IN_FOLDERS, NAMES, is_best
from nnanim.reading.snapshots.contents import Contents

_CLOSE_S = 60.0  # files whose times lie closer may have been copied, or unpacked, together
_MAIN = re.compile(r"(?:^|[^a-z])(?:net)?(?:g|gen|generator|actor|policy|encoder|student|model|main)(?:[^a-z]|$)")
_BESIDE = re.compile(
    r"(?:^|[^a-z])(?:net)?(?:d|dis|disc|discriminator|critic|value|decoder|teacher|target|ema)(?:[^a-z]|$)"
)
_STATE = re.compile(r"_?(?:state_?dict|state|weights)$")

Name = Callable[[Path], str]


def choose_model(found: Sequence[Contents], wanted: str | None, name: Name, notes: list[str]) -> list[Contents]:
    """Take one of the models in each file.

    Args:
        found: what the files say of themselves.
        wanted: name of a model, whole, its last part, or that part without ``_state_dict``; or what the names of the
            files of one network begin with (``"netG"``). None takes the first.
        name: gives the name of a file within the folder.
        notes: what a user should be told is added.

    Raises:
        OptionError: there is no such model.
    """
    if wanted is None:
        several = next((contents for contents in found if len(contents.models) > 1), None)
        if several is not None:
            rest = ", ".join(map(repr, several.models[1:]))
            notes.append(
                f"of several models in {name(several.path)!r}, {several.model!r} is drawn"
                f" (others: {rest}; --model takes another)"
            )
        return list(found)
    chosen = [(contents, _model_of(contents, wanted)) for contents in found]
    having = [each for _, each in chosen if each is not None]
    if having:
        lacking = [name(contents.path) for contents, each in chosen if each is None]
        if lacking:
            notes.append(f"files without a model {wanted!r} are not drawn: {_listed(lacking)}")
        return having
    named = [contents for contents in found if label_of(contents.path).lower() == wanted.lower()]
    if named:
        return named
    there = sorted({model for contents in found for model in contents.models})
    there += [label for label in dict.fromkeys(label_of(contents.path) for contents in found) if label]
    raise OptionError(f"no model {wanted!r} (models there: {', '.join(map(repr, there))})")


def leave_copies_out(found: Sequence[Contents], name: Name, notes: list[str]) -> list[Contents]:
    """Leave out files such as ``last.ckpt`` and ``step_2_best.pt`` where a numbered one is of the same moment."""
    numbered = [each for each in reversed(found) if has_number(each.path.name) and not is_best(each.path)]
    moments = {(each.epoch, each.iteration): each for each in numbered}
    kept = []
    for each in found:
        same = moments.get((each.epoch, each.iteration))
        is_counted = each.epoch is not None or each.iteration is not None
        if same is not None and is_counted and _is_copy(each, same):
            notes.append(f"{name(each.path)!r} is of the same moment as {name(same.path)!r} and is not drawn")
        else:
            kept.append(each)
    return kept


@lru_cache(maxsize=NAMES)
def has_number(name: str) -> bool:
    """Tell whether there is a digit in the name of a file, but for its last suffix."""
    return re.search("[0-9]", Path(name).stem) is not None


def _is_copy(each: Contents, same: Contents) -> bool:
    if each.folder != same.folder or each is same:
        return False
    return is_best(each.path) or not has_number(each.path.name)


def leave_best_out(found: Sequence[Contents], name: Name, notes: list[str]) -> list[Contents]:
    """Leave out files that are named as the best ones and whose moment nobody knows, unless there is nothing else."""
    left = [c for c in found if c.epoch is None and c.iteration is None and not c.written and is_best(c.path)]
    kept = [contents for contents in found if contents not in left]
    if not left or not kept:
        return list(found)
    notes.append(f"not drawn, since nothing tells their moment: {_listed([name(c.path) for c in left])}")
    return kept


def choose_network(
    found: Sequence[Contents], log: Log | None, sizes: Sequence[int] | None, name: Name, notes: list[str]
) -> tuple[list[Contents], tuple[str, ...]]:
    """Take the snapshots of one network: those of equal names and shapes, the newest of several such groups.

    Newest are, in this order: those that the log has rows for, those that were written more than a minute after the
    others, and those of the highest iteration or epoch. Where groups are as new as each other (``netG_3.pth`` and
    ``netD_3.pth``), names decide, then how many there are.

    Args:
        found: what the files say of themselves, with their counters.
        log: the log, where there is one.
        sizes: declared sizes of the layers; only a network of these is taken, if there is one.
        name: gives the name of a file within the folder.
        notes: what a user should be told is added.

    Returns:
        The snapshots, and what the networks' files are called where there are several: ``("netG", "netD")``.
    """
    groups: dict[object, list[Contents]] = {}
    for contents in found:
        groups.setdefault(contents.network, []).append(contents)
    if len(groups) == 1:
        return list(found), ()
    candidates = list(groups.values())
    if sizes is not None:
        candidates = [g for g in candidates if fit_to_sizes(g[0].weights, sizes) is not None] or candidates
    drawn = _newest(candidates, log)
    others = [group for group in groups.values() if group is not drawn]
    left = [name(contents.path) for group in others for contents in group]
    notes.append(
        f"of {len(groups)} networks in the folder that of {_listed([name(c.path) for c in drawn], 3)} is drawn"
        f" ({_shapes(drawn[0])}); left out: {_listed(left)} ({_shapes(others[0][0])};"
        " --files, --model or --shape takes another)"
    )
    labels = tuple(dict.fromkeys(label_of(contents.path) for group in (drawn, *others) for contents in group))
    return drawn, labels if len(labels) > 1 and all(labels) else ()


def label_of(path: Path) -> str:
    """Return what the name of a snapshot says before it comes to the moment: ``"netG"`` of ``netG_epoch_3.pth``."""
    own = path.parent.name if path.name in IN_FOLDERS else path.name
    stem = re.sub(r"(?:\.[A-Za-z][A-Za-z0-9]*)+$", "", own)
    return re.sub(r"[-_.=]*(?:(?:epochs?|ep|e|iter(?:ation)?|step)[-_=]?)?[0-9].*$", "", stem, flags=re.IGNORECASE)


def _model_of(contents: Contents, wanted: str) -> Contents | None:
    exact = contents.of_model(wanted)
    if exact is not None and wanted:
        return exact
    for short in (lambda model: model.rsplit(".", 1)[-1], lambda model: _STATE.sub("", model.rsplit(".", 1)[-1])):
        fitting = [model for model in contents.models if short(model) == wanted]
        if len(fitting) == 1:
            return contents.of_model(fitting[0])
    return None


def _newest(groups: Sequence[list[Contents]], log: Log | None) -> list[Contents]:
    in_log = [_share_in_log(group, log) for group in groups]
    if max(in_log) == 1 and min(in_log) == 0:
        groups = [group for group, share in zip(groups, in_log, strict=True) if share == 1]
    times = [_written_s(group) for group in groups]
    latest = max(range(len(groups)), key=lambda place: times[place][0])
    begun_s = times[latest][0]
    if all(begun_s - end_s > _CLOSE_S for place, (_, end_s) in enumerate(times) if place != latest):
        return groups[latest]
    return max(groups, key=lambda group: (_last_of(group), _rank(group), len(group)))


def _share_in_log(group: Sequence[Contents], log: Log | None) -> float:
    """Return which share of the snapshots has a row of its own in the log."""
    if log is None:
        return 0.0
    rows = {counter: set(log.columns[counter].tolist()) for counter in ("iteration", "epoch") if counter in log.columns}
    told = [
        any(getattr(contents, counter) in known for counter, known in rows.items() if getattr(contents, counter))
        for contents in group
    ]
    return sum(told) / len(told)


def _written_s(group: Sequence[Contents]) -> tuple[float, float]:
    """Return when the first and the last file of a group was written."""
    times = []
    for contents in group:
        try:
            times.append(contents.path.stat().st_mtime)
        except OSError:
            return 0.0, float("inf")  # nothing can be said
    return min(times), max(times)


def _last_of(group: Sequence[Contents]) -> tuple[float, float, str]:
    return (
        max((contents.iteration or 0 for contents in group), default=0),
        max((contents.epoch or 0 for contents in group), default=0),
        max(contents.written for contents in group),
    )


def _rank(group: Sequence[Contents]) -> int:
    label = label_of(group[0].path).lower()
    return 1 if _MAIN.search(label) else -1 if _BESIDE.search(label) else 0


def _shapes(contents: Contents) -> str:
    shapes = [header.shape for header in contents.weights] or [t.shape for t in contents.tensors if len(t.shape) > 1]
    shown = ", ".join("x".join(map(str, shape)) for shape in shapes[:4])
    return shown + (f" and {len(shapes) - 4} more" if len(shapes) > 4 else "")


def _listed(names: Iterable[str], most: int = 5) -> str:
    known = list(names)
    rest = f" and {len(known) - most} more" if len(known) > most else ""
    return ", ".join(map(repr, known[:most])) + rest
