"""What kind of Chainer link a weight belongs to, as far as names and shapes tell.

Source: ``chainer/links`` of Chainer 7.8.1.
"""

from __future__ import annotations

import re
from collections.abc import Container

from nnanim.model.layers import LayerHeader

EMBEDDING = "an embedding is a table, no layer of neurons"
IN_GROUPS = "its channels are connected in groups only"
RECURRENT = "recurrent layers form no chain"
OTHER_LINK = "neither Linear nor a convolution"
# What the links of these names are beside each other, and what may stand with them.
_RECURRENT: tuple[tuple[frozenset[str], frozenset[str]], ...] = (
    (frozenset({"upward", "lateral"}), frozenset({"peep_i", "peep_f", "peep_o"})),  # LSTM, Zoneout, peephole
    (frozenset({"W_r", "U_r", "W_z", "U_z", "W", "U"}), frozenset()),  # GRU
    (frozenset({"W_x", "W_h_aio", "W_h_f"}), frozenset()),  # ChildSumTreeLSTM
    (frozenset({"W_f", "W_h"}), frozenset()),  # MGU
)
# Texts, compiled when the first is needed: most networks need none.
_EMBEDDING_NAME = r"embed|(?:^|[^a-z])emb(?:[^a-z]|$)"
_DEPTHWISE_NAME = r"depthwise|(?:^|[^a-z])dw(?:[^a-z]|$)"


def why_skipped(layer: LayerHeader, bias_shape: tuple[int, ...] | None, keys: Container[str]) -> str:
    """Return why a weight is not drawn, or nothing where its link itself is no reason against it.

    Args:
        layer: the weight.
        bias_shape: shape of its bias, or None where it has none.
        keys: of everything in the snapshot.
    """
    name = layer.name.lower()
    if layer.key.removesuffix("W") + "V1" in keys:  # a Bilinear
        return OTHER_LINK
    if not layer.is_convolution:
        if _is_recurrent(layer.key, keys):
            return RECURRENT
        return EMBEDDING if bias_shape is None and re.search(_EMBEDDING_NAME, name) else ""
    if bias_shape is None:
        return IN_GROUPS if re.search(_DEPTHWISE_NAME, name) else ""
    if bias_shape in {layer.shape[:1], layer.shape[1:2]}:
        return ""
    # A depthwise convolution is (multiplier, in, kh, kw), a deconvolution in groups (in, out / groups, kh, kw).
    in_groups = len(bias_shape) == 1 and layer.shape[1] > 0 and bias_shape[0] % layer.shape[1] == 0
    return IN_GROUPS if in_groups else OTHER_LINK


def is_transposed(shape: tuple[int, ...], bias_shape: tuple[int, ...] | None) -> bool | None:
    """Tell whether a weight begins with (in, out), or None where the bias, which is (out,), does not tell."""
    if len(shape) <= 2:
        return False
    if bias_shape is None or shape[0] == shape[1]:
        return None
    return bias_shape == shape[1:2]


def _is_recurrent(key: str, keys: Container[str]) -> bool:
    parent, _, link = key.removesuffix("/W").rpartition("/")
    start = f"{parent}/" if parent else ""
    return any(
        link in needed | more and all(f"{start}{other}/W" in keys for other in needed) for needed, more in _RECURRENT
    )
