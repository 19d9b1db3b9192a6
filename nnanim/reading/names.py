"""What the names of snapshots say of their moment: epoch, iteration, date and time, first or last.

Lightning writes ``epoch=3-step=16.ckpt``, Transformers ``checkpoint-50/``, Keras's examples ``weights.03.h5``, scripts
``model_ep3.pt``, ``net_E3.pth``, ``e3.pt``, ``10k_steps.pt``, ``2026-01-31_23-50-10.pt``. Numbers that do not change
from file to file (``resnet18_1.pt``, ``resnet18_2.pt``) count nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

FIRST = re.compile(r"(?:^|[^a-z])(?:init|initial|start|untrained|random|before)(?:[^a-z]|$)")
LAST = re.compile(r"(?:^|[^a-z])(?:last|latest|current|newest)(?:[^a-z]|$)")
FINAL = re.compile(r"(?:^|[^a-z])(?:final|finished|done|end|after)(?:[^a-z]|$)")
BEST = re.compile(r"(?:^|[^a-z])(?:[a-z]+best|best)(?:[^a-z]|$)")
NAMES = 1 << 15  # of which is remembered what they say, for who looks at a folder again and again
_DIGIT = re.compile("[0-9]")
_SUFFIXES = r"(?:\.(?:weights|model|npz|npy|pt|pth|pkl|ckpt|bin|tar|h5|hdf5|keras|safetensors|index|json|onnx|zip))+$"
IN_FOLDERS = (".metadata", "_METADATA")  # of snapshots that are folders, those of Orbax two in each other
_NUMBER = r"([0-9]{1,18})(k(?![a-z]))?"
_EPOCH_WORDS = (
    re.compile(r"epochs?[^0-9]{0,3}" + _NUMBER),
    re.compile(r"(?<![a-z0-9])ep?[-_=]?" + _NUMBER + r"(?![0-9.])"),
    re.compile(r"(?<![0-9.])" + _NUMBER + r"[-_ ]?(?:epochs?|ep)(?![a-z])"),
)
_CAPITAL_EPOCH = re.compile(r"(?:^|[^A-Z0-9])E[-_=]?([0-9]{1,18})(?![0-9.])")
_ITERATION_WORDS = (
    re.compile(r"(?:iter|iteration|step)s?[^0-9]{0,3}" + _NUMBER),
    re.compile(r"(?<![a-z0-9])(?:its?|i)[-_=]?" + _NUMBER + r"(?![0-9.])"),
    re.compile(r"(?<![0-9.])" + _NUMBER + r"[-_ ]?(?:iter(?:ation)?s?|its?|steps?|updates)(?![a-z])"),
)
_DATE = (
    r"(?<![0-9])(?P<year>(?:19|20)[0-9]{2})(?P<mark>[-_.]?)(?P<month>0[1-9]|1[0-2])(?P=mark)"
    r"(?P<day>0[1-9]|[12][0-9]|3[01])(?![0-9])"
)
_MONTH = r"(?<![a-z])(?P<name>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[-_]?(?P<on>[0-3][0-9])(?![0-9])"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOCK = (
    r"(?P<hour>[01][0-9]|2[0-3])(?P<by>[-_.:h]?)(?P<minute>[0-5][0-9])"
    r"(?:[-_.:m]?(?P<second>[0-5][0-9])(?:s|[-_.][0-9]{6})?)?(?![0-9])"
)
_STAMP = re.compile(rf"(?:{_DATE}|{_MONTH})(?:[-_./t ]+{_CLOCK})?")
_TIME_ALONE = re.compile(
    r"(?<![0-9])(?P<hour>[01][0-9]|2[0-3])([-_:h])(?P<minute>[0-5][0-9])[-_:m](?P<second>[0-5][0-9])(?![0-9])"
)
_UNIX_TIME = re.compile(r"(?<![0-9])1[0-9]{9}(?:[0-9]{3})?(?![0-9])")  # seconds or milliseconds, from 2001 on


class Told(NamedTuple):
    """What one name says.

    Attributes:
        epoch, iteration: what stands beside such a word.
        number: a number of unknown meaning.
        written: digits that order dates and times; ``"t…"`` where there is a time without a date; else empty.
    """

    epoch: int | None = None
    iteration: int | None = None
    number: int | None = None
    written: str = ""


@lru_cache(maxsize=NAMES)
def _numbers_in(stem: str) -> tuple[re.Match[str], ...]:
    return tuple(re.finditer(r"[0-9]+(?:\.[0-9]+)?", stem))


@lru_cache(maxsize=NAMES)
def _pattern(stem: str) -> str:
    return re.sub("[0-9]+", "#", stem.lower())


def told_by(paths: Sequence[Path], folder: Path) -> Mapping[Path, Told]:
    """Return what the names of files say of their moments.

    Args:
        paths: the files.
        folder: the result folder; its own name says nothing, those of the folders in it do.
    """
    repeated = {name for name, count in Counter(path.name for path in paths).items() if count > 1}
    names = {path: name_of(path, folder, by_file=path.name not in repeated) for path in paths}
    split = {path: _without_stamp(_place(path, folder, name)) for path, name in names.items()}
    stems = {path: stem for path, (stem, _) in split.items()}
    groups: dict[str, list[Path]] = {}
    for path, stem in stems.items():
        groups.setdefault(_pattern(stem), []).append(path)
    told = {}
    for members in groups.values():
        numbers = _counting({path: stems[path].lower() for path in members}, alone=len(paths) == 1)
        for path in members:
            epoch, iteration, number = _counters(stems[path], numbers[path])
            told[path] = Told(epoch, iteration, number, split[path][1])
    return told


def name_of(path: Path, folder: Path | None = None, *, by_file: bool = True) -> str:
    """Return the name that tells the moment: the file's, or that of a folder around it where the file's has no number.

    Args:
        path: the file.
        folder: the result folder, whose own name tells nothing; without it every folder around the file may tell.
        by_file: False looks at the folders first, where files of the same name lie in several.
    """
    stem = _stem(path.name)
    if by_file and _DIGIT.search(stem):
        return path.name
    inside = path.relative_to(folder) if folder is not None and path.is_relative_to(folder) else path
    return next((parent.name for parent in inside.parents if re.search("[0-9]", parent.name)), path.name)


def place_in_time(path: Path) -> int:
    """Return the order of moments that words tell: -1 before all others, 0, 1 for the last, 2 for the final one."""
    stem = _words_of(path)
    if FINAL.search(stem):
        return 2
    if LAST.search(stem):
        return 1
    return -1 if FIRST.search(stem) else 0


@lru_cache(maxsize=NAMES)
def is_best(path: Path) -> bool:
    """Tell whether a file is named as the best of a training, whenever that was."""
    return BEST.search(_words_of(path)) is not None


def _words_of(path: Path) -> str:
    """Return the name that words are in: the file's, or those of the folders that are a snapshot with it."""
    if path.name in IN_FOLDERS:
        return f"{path.parent.parent.name}/{path.parent.name}".lower()
    return _stem(path.name).lower()


def around_midnight(times: Sequence[str]) -> str:
    """Return the time of day, of those given, at which a run began: that after the longest break.

    Args:
        times: ``"t235010"``, …
    """
    ordered = sorted(set(times))
    seconds = [int(t[1:3]) * 3600 + int(t[3:5]) * 60 + int(t[5:7]) for t in ordered]
    breaks = [(after - before) % 86400 for before, after in zip([seconds[-1], *seconds], seconds, strict=False)]
    return ordered[breaks.index(max(breaks))]


@lru_cache(maxsize=NAMES)
def _stem(name: str) -> str:
    return re.sub(_SUFFIXES, "", name, flags=re.IGNORECASE)


def _place(path: Path, folder: Path, name: str) -> str:
    """Return the name with what stands before it, where a date is in the folder and the time in the file."""
    parent = path.parent
    if parent != folder and name == path.name and parent.is_relative_to(folder) and _STAMP.search(parent.name.lower()):
        return f"{parent.name}/{_stem(name)}"
    return _stem(name)


@lru_cache(maxsize=NAMES)
def _without_stamp(name: str) -> tuple[str, str]:
    """Return a name without date and time, and the digits of these."""
    lower = name.lower()
    match = _STAMP.search(lower)
    if match:
        month = match["month"] or f"{_MONTHS.index(match['name']) + 1:02}"
        day = match["day"] or match["on"]
        clock = "".join(match[part] or "00" for part in ("hour", "minute", "second"))
        return name[: match.start()] + name[match.end() :], f"{match['year'] or '0000'}{month}{day}{clock}"
    match = _TIME_ALONE.search(lower)
    if match:
        return name[: match.start()] + name[match.end() :], "t" + match["hour"] + match["minute"] + match["second"]
    match = _UNIX_TIME.search(lower)
    if match:
        return name[: match.start()] + name[match.end() :], match[0]
    return name, ""


def _counting(stems: Mapping[Path, str], *, alone: bool) -> dict[Path, int | None]:
    """Return the number in each name of one pattern that counts: the last that differs between them."""
    found = {path: _numbers_in(stem) for path, stem in stems.items()}
    counting: dict[Path, int | None] = {}
    first = next(iter(found.values()))
    whole = [place for place in range(len(first)) if all(_is_whole(found[path][place]) for path in found)]
    differing = [place for place in whole if len({numbers[place][0] for numbers in found.values()}) > 1]
    if differing:
        chosen: int | None = differing[-1]
    else:
        # A number at the end of a word belongs to it, as in resnet18, unless there is nothing else.
        stem = next(iter(stems.values()))
        free = [place for place in whole if not stem[: first[place].start()][-1:].isalpha()]
        places = free or (whole if alone else [])
        chosen = places[-1] if places else None
    for path, numbers in found.items():
        if chosen is None:
            counting[path] = None
            continue
        match = numbers[chosen]
        is_thousands = re.match(r"k(?![a-z])", stems[path][match.end() :]) is not None
        counting[path] = int(match[0][:18]) * (1000 if is_thousands else 1)
    return counting


def _is_whole(match: re.Match[str]) -> bool:
    return match[0].isdigit()  # not "loss0.25"


@lru_cache(maxsize=NAMES)
def _counters(stem: str, number: int | None) -> tuple[int | None, int | None, int | None]:
    """Return epoch, iteration and a number of unknown meaning, as a name says them."""
    lower = stem.lower()
    epoch, iteration = _beside(_EPOCH_WORDS, lower), _beside(_ITERATION_WORDS, lower)
    capital = _CAPITAL_EPOCH.search(stem) if epoch is None else None
    if capital:
        epoch = int(capital[1])
    if epoch is not None or iteration is not None or number is None:
        return epoch, iteration, number
    if "epoch" in lower:
        return number, None, None
    if "iter" in lower or "step" in lower:
        return None, number, None
    return None, None, number


def _beside(words: Sequence[re.Pattern[str]], stem: str) -> int | None:
    for pattern in words:
        match = pattern.search(stem)
        if match:
            return int(match[1]) * (1000 if match[2] else 1)
    return None
