"""A few frames as they were when somebody last looked at them: ``pytest --regenerate`` makes them again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from PIL import Image

from nnanim import Animation, open_run

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = Path(__file__).resolve().parent / "golden"
MADE_WITH = (3, 11)  # of Matplotlib, whose FreeType paints letters in its own way
MEAN_DIFFERENCE = 1.0  # of 255
SHARE_OFF = 0.012  # of the pixels, by more than CLEARLY
CLEARLY = 60

FRAMES: dict[str, tuple[str, int, dict[str, Any]]] = {
    "iris-light": ("iris", 30, {}),
    "digits-dark-stacked": ("digits", 12, {"theme": "dark", "figsize": (4.5, 7)}),
    "convolutions-safe": ("convolutions", 24, {"palette": "safe", "scale": "layer", "ending": "ink"}),
    "iris-sign": ("iris", 40, {"color": "sign", "figsize": (6, 4)}),
    "iris-layers": ("iris", 20, {"view": "layers"}),
}


@pytest.mark.skipif(matplotlib.__version_info__[:2] != MADE_WITH, reason="letters are of another FreeType")
@pytest.mark.parametrize("name", FRAMES)
def test_frame_is_as_it_was(name: str, request: pytest.FixtureRequest) -> None:
    sample, index, options = FRAMES[name]
    image = Animation(open_run(ROOT / "sample_results" / sample), **options)[index].image
    file = GOLDEN / f"{name}.png"
    if request.config.getoption("--regenerate"):
        Image.fromarray(image).quantize(128).save(file, optimize=True)
    with Image.open(file) as golden:
        before = np.asarray(golden.convert("RGB")).astype(int)
    assert before.shape == image.shape
    difference = np.abs(before - image.astype(int)).max(axis=2)
    told = f"{name}: mean {difference.mean():.2f}, {(difference > CLEARLY).mean():.2%} clearly off; look at the picture"
    assert difference.mean() <= MEAN_DIFFERENCE, told
    assert (difference > CLEARLY).mean() <= SHARE_OFF, told
