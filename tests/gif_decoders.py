"""Programs that decode a GIF, each to its frames as they are seen and their delays in ms."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from browser import chromium
from gif_reader import read_gif
from PIL import Image, ImageSequence

Decoded = tuple[list[np.ndarray], list[int]]
Decoder = Callable[[Path], Decoded]

# Never asked for on a network: both are answered by the test. WebCodecs are for pages from https and localhost alone.
PAGE = "https://localhost/"
FILE = PAGE + "out.gif"
OPEN = """async (url) => {
  if (!("ImageDecoder" in self)) return null;
  const data = await (await fetch(url)).arrayBuffer();
  self.decoder = new ImageDecoder({ data, type: "image/gif" });
  await decoder.tracks.ready;
  await decoder.completed;
  return { count: decoder.tracks.selectedTrack.frameCount, loops: decoder.tracks.selectedTrack.repetitionCount };
}"""
FRAME = """async (frameIndex) => {
  const { image } = await decoder.decode({ frameIndex });
  const canvas = new OffscreenCanvas(image.displayWidth, image.displayHeight);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
  const blocks = [];
  for (let start = 0; start < pixels.length; start += 32768)
    blocks.push(String.fromCharCode(...pixels.subarray(start, start + 32768)));
  return { size: [canvas.height, canvas.width], us: image.duration, rgba: btoa(blocks.join("")) };
}"""


def run_program(*command: str) -> bytes:
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stderr == b""
    return done.stdout


def _as_frames(pixels: bytes, width: int, height: int) -> list[np.ndarray]:
    return list(np.frombuffer(pixels, dtype=np.uint8).reshape(-1, height, width, 3))


def by_own_reader(path: Path) -> Decoded:
    gif = read_gif(path)
    return gif.images, gif.delays_ms


def by_pillow(path: Path) -> Decoded:
    frames, delays_ms = [], []
    with Image.open(path) as file:
        for frame in ImageSequence.Iterator(file):
            frames.append(np.array(frame.convert("RGB")))
            delays_ms.append(round(frame.info["duration"]))
    return frames, delays_ms


def by_ffmpeg(path: Path) -> Decoded:
    _needs("ffmpeg", "ffprobe")
    pixels = run_program(
        *("ffmpeg", "-v", "warning", "-nostdin", "-i", str(path), "-fps_mode", "passthrough"),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-"),
    )
    entries = "stream=width,height:packet=duration_time"
    said = json.loads(run_program("ffprobe", "-v", "warning", "-show_entries", entries, "-of", "json", str(path)))
    delays_ms = [round(1000 * float(packet["duration_time"])) for packet in said["packets"]]
    return _as_frames(pixels, said["streams"][0]["width"], said["streams"][0]["height"]), delays_ms


def by_imagemagick(path: Path) -> Decoded:
    _needs("identify")
    convert, identify = (["magick"], ["magick", "identify"]) if shutil.which("magick") else (["convert"], ["identify"])
    pixels = run_program(*convert, f"gif:{path}", "-coalesce", "-depth", "8", "rgb:-")
    lines = run_program(*identify, "-format", "%W %H %T\n", f"gif:{path}").decode().split("\n")[:-1]
    (size,) = {tuple(map(int, line.split()[:2])) for line in lines}
    return _as_frames(pixels, *size), [10 * int(line.split()[2]) for line in lines]


def by_chromium(path: Path) -> Decoded:
    frames, delays_ms = [], []
    with chromium() as browser:
        page = browser.new_page()
        page.route("**/*", lambda route: route.fulfill(body="<!DOCTYPE html>", content_type="text/html"))
        page.route(FILE, lambda route: route.fulfill(path=path, content_type="image/gif"))
        page.goto(PAGE)
        told = page.evaluate(OPEN, FILE)
        if told is None:
            pytest.skip("this Chromium has no ImageDecoder")
        for index in range(told["count"]):
            frame = page.evaluate(FRAME, index)
            rgba = np.frombuffer(base64.b64decode(frame["rgba"]), dtype=np.uint8).reshape(*frame["size"], 4)
            assert (rgba[..., 3] == 255).all(), f"frame {index} is not opaque"
            frames.append(rgba[..., :3])
            delays_ms.append(round(frame["us"] / 1000))
    return frames, delays_ms


def _needs(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not on PATH")


DECODERS: dict[str, Decoder] = {
    "own reader": by_own_reader,
    "Pillow": by_pillow,
    "ffmpeg": by_ffmpeg,
    "ImageMagick": by_imagemagick,
    "Chromium": by_chromium,
}
