"""MP4 (H.264) and WebM (VP9) through PyAV, as a plugin of imageio.

Frames keep their own lengths (the time base is that of a GIF, 10 ms), so nothing is repeated and a video is as long as
the GIF to the hundredth. Colours are stored with halved resolution (``yuv420p``), because hardly any player, slide
program or phone opens H.264 otherwise; a low quantiser keeps thin lines crisp. Whoever needs more doubles the dpi.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
from imageio.core.request import InitializationError, Request
from imageio.core.v3_plugin_api import PluginV3

from nnanim.encoders.movie import Append, LonePacker, Movie, Open
from nnanim.encoders.seal import without_seal
from nnanim.errors import OutputError
from nnanim.extras import how_to_install
from nnanim.frames.frame import Frame

TICKS = 100  # per second
PIXELS = "yuv420p"
BT709 = 1  # the number of the colour space, its primaries and its curve in ITU-T H.273
KEY_EVERY = 50  # frames: so that a player can jump
# With its "macroblock tree" x264 gave up to three different files for the same frames in 80 tries, without it one; and
# without B frames the packets are in the order in which they are shown, so that each can say how long.
CODECS = {
    ".mp4": (
        "libx264",
        {"crf": "14", "preset": "medium", "tune": "animation", "bf": "0", "x264-params": "mbtree=0"},
    ),
    ".webm": ("libvpx-vp9", {"crf": "16", "b": "0", "deadline": "good", "cpu-used": "3", "row-mt": "1"}),
}


def check_video() -> None:
    """Refuse to begin where PyAV is missing.

    Raises:
        OutputError: it is.
    """
    try:
        import av  # noqa: F401  (only whether it is there)
    except ImportError as error:
        raise OutputError(
            f"writing .mp4 or .webm needs the package 'av', which is not installed: {how_to_install('video')}"
        ) from error


@contextmanager
def _open_video(suffix: str, path: Path, movie: Movie, _frames: Sequence[Frame]) -> Iterator[Append]:
    check_video()
    import av

    with (
        _as_output_error(av.error.FFmpegError),
        iio.imopen(path, "w", plugin=TimedVideo, suffix=suffix, movie=movie) as file,
    ):
        assert isinstance(file, TimedVideo)

        def append(index: int, planes: np.ndarray) -> None:
            file.append(planes, duration_ms=1000 * movie.durations_s[index])

        yield append
        file.finish()


@contextmanager
def _as_output_error(kind: type[Exception]) -> Iterator[None]:
    """Say in one way what FFmpeg's libraries cannot write: some of their errors are no `OSError`, or hide it."""
    try:
        yield
    except kind as error:
        reason: BaseException | None = error
        while reason is not None and not (isinstance(reason, OSError) and reason.strerror and reason.errno):
            reason = reason.__cause__ or reason.__context__
        told = reason.strerror if isinstance(reason, OSError) else f"{error} (is the disk full?)"
        raise OutputError(f"the video cannot be written: {told}") from error


open_mp4: Open = partial(_open_video, ".mp4")
open_webm: Open = partial(_open_video, ".webm")


class VideoPacker(LonePacker):
    """Turn frames into the planes that encoders take, half the bytes; see `nnanim.encoders.movie.Packer`."""

    def pack(self, _index: int, image: np.ndarray) -> np.ndarray:
        return _planes(image)


def _planes(image: np.ndarray) -> np.ndarray:
    """Return an image (H, W, 3) uint8 as (3 H / 2, W) brightness and halved colours; odd sides grow by one pixel."""
    import av
    from av.video.reformatter import Colorspace

    height, width = image.shape[:2]
    even = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    rgb = av.VideoFrame.from_ndarray(even, format="rgb24")
    frame = rgb.reformat(format=PIXELS, dst_colorspace=Colorspace.ITU709, interpolation="AREA")
    planes: np.ndarray = frame.to_ndarray()
    return planes


class TimedVideo(PluginV3):
    """Write RGB frames of different lengths one after the other."""

    def __init__(self, request: Request, *, suffix: str, movie: Movie) -> None:
        """Open the file for writing.

        Args:
            request: imageio's description of the target; only writing is possible.
            suffix: one of `CODECS`.
            movie: what is known before the first frame.
        """
        import av

        self._container: Any = None  # imageio closes even what could not be opened
        super().__init__(request)
        if request.mode.io_mode != "w":
            raise InitializationError("this plugin only writes")
        codec, choices = CODECS[suffix]
        # Without the flag the file names the library's version, so that equal input would not give equal bytes.
        options = {"fflags": "+bitexact", "movflags": "+faststart"} if suffix == ".mp4" else {"fflags": "+bitexact"}
        self._container = av.open(request.get_file(), "w", format=suffix[1:], options=options)
        if movie.comment is not None:
            self._container.metadata["comment"] = without_seal(movie.comment)
        self._stream = self._container.add_stream(codec, rate=TICKS, options=choices)
        self._stream.pix_fmt = PIXELS
        self._stream.width, self._stream.height = (side + side % 2 for side in movie.size_px)
        context = self._stream.codec_context
        context.time_base = Fraction(1, TICKS)
        context.gop_size = KEY_EVERY
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = 1  # 16 … 235, as players expect
        self._ticks: dict[int, int] = {}
        self._end = 0

    def append(self, planes: np.ndarray, *, duration_ms: float) -> None:
        """Append one frame as `VideoPacker` made it."""
        import av

        frame = av.VideoFrame.from_ndarray(planes, format=PIXELS)
        frame.pts, frame.time_base = self._end, Fraction(1, TICKS)
        self._ticks[self._end] = round(duration_ms / 1000 * TICKS)
        self._end += self._ticks[self._end]
        self._mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Write what the encoder still holds, and the end of the file."""
        self._mux(self._stream.encode())
        self._container.close()
        self._container = None

    def close(self) -> None:
        import av

        container, self._container = self._container, None
        if container is not None:  # something has failed, and this does so too where the disk is full
            with suppress(av.error.FFmpegError):
                container.close()
        super().close()

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            # The encoder knows the rate only; without this the last frame would not be held.
            packet.duration = self._ticks.pop(packet.pts)
            self._container.mux(packet)

    def read(self, *_: Any, **__: Any) -> np.ndarray:
        raise NotImplementedError("this plugin only writes")

    def iter(self, *_: Any, **__: Any) -> Iterator[np.ndarray]:
        raise NotImplementedError("this plugin only writes")

    def properties(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError("this plugin only writes")

    def metadata(self, *_: Any, **__: Any) -> dict[str, Any]:
        raise NotImplementedError("this plugin only writes")
