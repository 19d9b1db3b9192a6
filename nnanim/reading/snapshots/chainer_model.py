"""A Chainer model rebuilt from layer sizes, and the aid that Chainer's import needs today."""

from __future__ import annotations

import importlib
import sys
import threading
import types
import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from nnanim.model.layers import Layer, LayerHeader

_CHECK = "chainer._environment_check"
_lock = threading.Lock()


def import_chainer() -> Any:
    """Import Chainer on a current Python and NumPy and return its module.

    Chainer 7.8.1 asks for ``pkg_resources`` and ``numpy.distutils`` in a check of its environment and for
    ``numpy.sctypes``; all three are gone. A stand-in is there while the import takes and is taken away again.

    Raises:
        ImportError: Chainer is not installed, or does not import even so.
    """
    if "chainer" in sys.modules:
        return importlib.import_module("chainer")  # waits where another thread is importing it
    with _lock:
        before = set(sys.modules)
        stand_in = types.ModuleType(_CHECK)
        stand_in.check = lambda: None  # type: ignore[attr-defined]
        lend_sctypes = "sctypes" not in vars(np)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sys.modules[_CHECK] = stand_in
            if lend_sctypes:
                np.sctypes = _sctypes()  # type: ignore[attr-defined]
            try:
                return importlib.import_module("chainer")
            except (AttributeError, TypeError) as error:
                raise ImportError(f"chainer cannot be imported with NumPy {np.__version__}: {error}") from error
            finally:
                del sys.modules[_CHECK]
                if lend_sctypes:
                    del np.sctypes  # type: ignore[attr-defined]
                if "chainer" not in sys.modules:  # a failed import leaves its parts behind
                    for name in set(sys.modules) - before:
                        if name.startswith(("chainer.", "chainerx", "chainermn")):
                            del sys.modules[name]


def load_layers(arrays: Mapping[str, np.ndarray], prefix: str, headers: Sequence[LayerHeader]) -> list[Layer] | None:
    """Load layers through a ``chainer.Chain`` of their sizes whose links are named as in the snapshot.

    Args:
        arrays: the snapshot's arrays by key.
        prefix: what stands before the model's own keys, e.g. ``"updater/model:main/"``.
        headers: the layers in chain order; they agree with the declared sizes.

    Returns:
        The layers in the same order, or None where no Chainer model can have links of these names.

    Raises:
        ImportError: Chainer is not installed, or does not import.
    """
    chainer = import_chainer()
    with (
        warnings.catch_warnings(),
        chainer.using_config("dtype", np.dtype(np.float32)),
        np.errstate(over="ignore"),  # a float64 weight too large for float32 is told as infinite
    ):
        warnings.simplefilter("ignore")
        built = _built(prefix, tuple(headers), threading.get_ident())
        if built is None:
            return None
        skeleton, links = built
        chainer.serializers.NpzDeserializer(arrays, path=prefix, strict=True).load(skeleton)
        # Copies: the next snapshot is loaded into the same model.
        return [
            Layer(
                header.name,
                header.key,
                (link.W.array.swapaxes(0, 1) if header.transposed else link.W.array).copy(),
                None if link.b is None else link.b.array.copy(),
            )
            for header, link in zip(headers, links, strict=True)
        ]


@lru_cache(maxsize=2)
def _built(prefix: str, headers: tuple[LayerHeader, ...], _thread: int) -> tuple[Any, tuple[Any, ...]] | None:
    """Build the model of a run once, for each thread, or return None where Chainer could not hold it."""
    chainer = import_chainer()
    links = {}
    for header in headers:
        path = tuple(header.key.removeprefix(prefix).split("/")[:-1])
        links[path] = _link(chainer.links, header)
    skeleton = _nest(chainer, links)
    return None if skeleton is None else (skeleton, tuple(links.values()))


def _link(links: Any, header: LayerHeader) -> Any:
    # A constant start value leaves NumPy's global random state as it is.
    start = {"nobias": header.bias_key is None, "initialW": 0}
    sizes, kernel = (header.size_in, header.size_out), header.shape[2:]
    if not kernel:
        return links.Linear(*sizes, **start)
    kind = "Deconvolution" if header.transposed else "Convolution"
    if len(kernel) == 2:
        return getattr(links, f"{kind}2D")(*sizes, kernel, **start)
    return getattr(links, f"{kind}ND")(len(kernel), *sizes, kernel, **start)


def _nest(chainer: Any, links: Mapping[tuple[str, ...], Any]) -> Any:
    """Build the tree of chains that holds links at the given paths, or None where Chainer could not hold it."""
    if () in links:
        return links[()] if len(links) == 1 else None
    branches: dict[str, dict[tuple[str, ...], Any]] = {}
    for path, link in links.items():
        branches.setdefault(path[0], {})[path[1:]] = link
    chain = chainer.Chain()
    for name, branch in branches.items():
        child = _nest(chainer, branch)
        if child is None or not name or hasattr(chain, name):
            return None
        chain.add_link(name, child)
    return chain


def _sctypes() -> dict[str, list[type]]:
    """Return what ``numpy.sctypes`` held before NumPy 2, as far as Chainer asks for it."""
    return {
        "int": [np.int8, np.int16, np.int32, np.int64],
        "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
        "float": [np.float16, np.float32, np.float64, np.longdouble],
        "complex": [np.complex64, np.complex128, np.clongdouble],
        "others": [bool, object, bytes, str, np.void],
    }
