"""Which weights of a live model take in what others put out. Nothing is imported but what the model comes from."""

from __future__ import annotations

from typing import Any

from nnanim.errors import OptionError
from nnanim.tracing.flow import Flow


def trace(model: Any, example: Any = None) -> Flow:
    """Follow one example through a model.

    Args:
        model: a PyTorch module, a Keras model or a Chainer link. It stays as it is: it runs once as in evaluation.
        example: what the model is called with: a tensor, a tuple of arguments, or a dict of them by name. A Keras model
            needs none, since it knows its layers' connections.

    Raises:
        OptionError: it is none of these, there is no example, or nothing could be followed.
    """
    if callable(getattr(model, "get_weights", None)) and hasattr(model, "weights"):
        from nnanim.tracing.keras import follow as follow_keras

        return _checked(follow_keras(model), model)
    if callable(getattr(model, "named_parameters", None)):
        from nnanim.tracing.pytorch import follow
    elif callable(getattr(model, "namedparams", None)):
        from nnanim.tracing.chainer import follow
    else:
        raise OptionError(
            f"an object of type {type(model).__name__!r} has no connections to follow (give a PyTorch module, a Keras"
            " model or a Chainer link)"
        )
    if example is None:
        raise OptionError("the connections need an example: what the model is called with, one input or a few")
    return _checked(follow(model, example), model)


def _checked(flow: Flow, model: Any) -> Flow:
    if not flow.arrows:
        raise OptionError(
            f"no weight of the {type(model).__name__!r} takes in what another puts out, as far as"
            " could be seen: its connections cannot be recorded"
        )
    return flow
