"""Bytes of a film to a few of its frames, evenly spaced."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from alchemist.concepts.pictures import BROKEN, LONGEST_SIDE, MOST_PIXELS
from alchemist.concepts.reading import Unreadable

if TYPE_CHECKING:
    from PIL import Image

    Pair = tuple[Image.Image, Image.Image]

FRAMES = 8
UNKNOWN = 320


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """What a film shows, sampled.

    Attributes:
        frames: Up to FRAMES RGB pictures.
        nexts: For each, the frame right after it, or the same where the film ends.
        duration_s: Length in seconds; NaN where the file does not say.
        rate: Frames a second; NaN where the file does not say.
        note: For a person, if there is one.
    """

    frames: tuple[Image.Image, ...]
    nexts: tuple[Image.Image, ...]
    duration_s: float
    rate: float
    note: str = ""


def sample_frames(item: bytes) -> Film:
    """Decode the frames in the middle of FRAMES equal parts of a film.

    Raises:
        Unreadable: With the reason.
    """
    import av

    if not item:
        raise Unreadable("empty file")
    try:
        with av.open(BytesIO(item), mode="r") as container:
            return _sample(container)
    except Unreadable:
        raise
    except (av.FFmpegError, *BROKEN) as error:
        raise Unreadable(f"no film: {str(error)[:100] or type(error).__name__}") from None


def _sample(container: Any) -> Film:
    if not container.streams.video:
        raise Unreadable("no film: it has no pictures")
    stream = container.streams.video[0]
    width, height = stream.codec_context.width, stream.codec_context.height
    if max(width, height) > LONGEST_SIDE or width * height > MOST_PIXELS:
        raise Unreadable(f"film of {width} x {height} pixels, over the limit")
    rate = float(stream.average_rate or "nan")
    ticks = container.duration or 0
    pairs = _spread(container, stream, ticks) if ticks > 0 else _beginning(container, stream)
    if not pairs:
        raise Unreadable("film without a frame that can be decoded")
    frames, nexts = zip(*pairs, strict=True)
    duration = ticks / 1e6 if ticks > 0 else float("nan")
    note = "" if ticks > 0 else f"length unknown, so the first {UNKNOWN} frames were looked at"
    return Film(frames, nexts, duration, rate, note)


def _spread(container: Any, stream: Any, ticks: int) -> list[Pair]:
    pairs = []
    for part in range(FRAMES):
        wanted = (part + 0.5) / FRAMES * ticks / 1e6
        container.seek(int(wanted * 1e6))  # to the key frame before
        shown = following = None
        for frame in container.decode(stream):
            if shown is not None and _at(shown) >= wanted - 1e-3:
                following = frame
                break
            shown = frame
        if shown is not None:
            pairs.append((_picture(shown), _picture(following or shown)))
    return pairs


def _picture(frame: Any) -> Image.Image:
    # Handing a single frame to a pool of threads takes far longer than converting it.
    picture: Image.Image = frame.to_image(threads=1)
    return picture


def _at(frame: Any) -> float:
    return float("inf") if frame.time is None else float(frame.time)


def _beginning(container: Any, stream: Any) -> list[Pair]:
    step = UNKNOWN // FRAMES
    pairs, shown = [], None
    for i, frame in enumerate(container.decode(stream)):
        if shown is not None:
            pairs.append((shown, _picture(frame)))
        shown = _picture(frame) if i % step == 0 else None
        if i >= UNKNOWN:
            break
    if shown is not None:
        pairs.append((shown, shown))
    return pairs[:FRAMES]
