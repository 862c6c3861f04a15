"""How many items a second each extractor looks at, and what it adds to an installation.

    python -m benchmarks.bench_extractors

Items are made here, all different, so that nothing is looked up by accident. Local extractors
run on one core; models use as many as onnxruntime takes. Each extractor reads its items in parts,
through the same calls as a run; the rates are those of the median part, by the clock and by
processor time (what one core does with nothing beside it). `grown_mb` is how much more memory the
process holds after the last part than after the first two. Taggers are
measured where their folders are ($ALCHEMIST_MODELS), on fewer items. `cache` reads vectors kept
by an earlier look, the hashing of the items included.
"""

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, requires
from io import BytesIO
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np

from alchemist.concepts import open_extractor
from alchemist.core.concepts import Concept, Option
from alchemist.core.contracts import Extractor
from benchmarks.report import write_table

PARTS = 10
Row = dict[str, Any]
Make = Callable[[np.random.Generator], bytes]


def photo(side: int) -> Make:
    """A blurred scene with a thing on it, as a JPEG."""

    def make(rng: np.random.Generator) -> bytes:
        from PIL import Image, ImageDraw, ImageFilter

        coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
        left, top = (int(one) for one in rng.integers(0, side // 2, 2))
        colour = tuple(int(one) for one in rng.integers(0, 256, 3))
        ImageDraw.Draw(image).ellipse((left, top, left + side // 2, top + side // 3), fill=colour)
        image = image.filter(ImageFilter.GaussianBlur(1))
        grain = rng.integers(-12, 13, (side, side, 1))
        pixels = np.clip(np.asarray(image).astype(int) + grain, 0, 255).astype(np.uint8)
        file = BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=85)
        return file.getvalue()

    return make


def clip(rng: np.random.Generator) -> bytes:
    """Half a second of a gliding tone with noise, as a WAV of 8 kHz."""
    import struct

    at = np.arange(4000) / 8000
    wave = np.sin(2 * np.pi * np.cumsum(rng.uniform(100, 900) * (1 + at)) / 8000)
    body = ((wave + rng.normal(0, 0.1, 4000)) * 8000).astype("<i2").tobytes()
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(body), b"WAVE", b"fmt ", 16, 1, 1,
                       8000, 16000, 2, 16, b"data", len(body))  # fmt: skip
    return head + body


def series(rng: np.random.Generator) -> bytes:
    """150 steps of a noisy hill."""
    hill = np.exp(-(((np.arange(150) - rng.uniform(50, 100)) / rng.uniform(10, 40)) ** 2))
    return (hill + rng.normal(0, 0.02, 150)).astype("<f8").tobytes()


def film(rng: np.random.Generator) -> bytes:
    """Two seconds of a walking square, as MP4."""
    import av

    file = BytesIO()
    scene = np.repeat(np.repeat(rng.integers(60, 256, (6, 8, 3)), 20, 0), 20, 1).astype(np.uint8)
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=12)
        stream.height, stream.width, stream.pix_fmt = 120, 160, "yuv420p"
        for i in range(24):
            pixels = scene.copy()
            pixels[40:80, 4 * i : 4 * i + 40] = 20
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


@dataclass(frozen=True, slots=True)
class Pace:
    """Items a second by the clock and by processor time, and megabytes grown."""

    clock: float
    core: float
    grown: float = 0.0

    @classmethod
    def median(cls, paces: Sequence["Pace"], grown: float = 0.0) -> "Pace":
        """Of several."""
        return cls(median(p.clock for p in paces), median(p.core for p in paces), grown)


def timed(work: Callable[[], Any], items: int) -> Pace:
    """Do it once."""
    began, used = perf_counter(), process_time()
    work()
    return Pace(items / (perf_counter() - began), items / (process_time() - used))


def measure(extractor: Extractor, make: Make, items: int, concepts: Sequence[Concept] = ()) -> Pace:
    """How fast, and how much more memory is held at the end than after two parts."""
    import psutil

    process = psutil.Process()
    paces, held = [], 0.0
    for part in range(PARTS):
        rng = np.random.default_rng(part)
        some = [make(rng) for _ in range(items // PARTS)]
        paces.append(timed(lambda some=some: extractor.extract(some, concepts), len(some)))
        if part == 1:
            held = process.memory_info().rss
    return Pace.median(paces, (process.memory_info().rss - held) / 2**20)


def local() -> Iterator[Row]:
    """Extractors that need no model."""
    for name, modality, what, make, items in (
        ("local_image", "image", "JPEG of 32 x 32", photo(32), 10_000),
        ("local_image", "image", "JPEG of 224 x 224", photo(224), 10_000),
        ("local_audio", "audio", "WAV of half a second", clip, 5_000),
        ("local_series", "series", "150 values", series, 10_000),
        ("local_video", "video", "MP4 of two seconds, 160 x 120", film, 200),
    ):
        pace = measure(open_extractor(name, modality=modality), make, items)
        yield _row(name, what, items, pace)


def kept() -> Iterator[Row]:
    """The second look at the same items."""
    items = 10_000
    with tempfile.TemporaryDirectory() as folder:
        extractor = open_extractor("local_series", modality="series", cache=Path(folder, "kept"))
        parts = []
        for part in range(PARTS):
            rng = np.random.default_rng(part)
            parts.append([series(rng) for _ in range(items // PARTS)])
            extractor.extract(parts[-1], ())
        many = [item for part in parts for item in part]
        paces = [timed(lambda: extractor.extract(many, ()), items) for _ in range(5)]
        yield _row("cache", "58 numbers an item", items, Pace.median(paces))
    yield from _kept_tags(items)


def _kept_tags(items: int) -> Iterator[Row]:
    """As many tags as an ImageNet tagger has, written to the cache without the model."""
    from alchemist.concepts.cache import Cache
    from alchemist.concepts.reading import Raw, extract_all

    class Tags:
        fingerprint = "tags"
        width = 1001

        def read(self, some: Sequence[bytes]) -> list[Raw | str]:
            rng = np.random.default_rng(len(some))
            return [Raw(row) for row in rng.random((len(some), 1001), dtype=np.float32)]

    photos = [np.random.default_rng(i).bytes(10_000) for i in range(items)]
    with tempfile.TemporaryDirectory() as folder:
        cache, tags = Cache(Path(folder, "kept")), Tags()

        def look() -> Any:
            return extract_all(tags, photos, cache, 8, lambda values: values[:, :8])

        look()
        paces = [timed(look, items) for _ in range(5)]
    yield _row("cache", "1,001 tags an item of 10 kB", items, Pace.median(paces))


def taggers() -> Iterator[Row]:
    """Local models, where their folders are."""
    from benchmarks.modality_fixtures import tagger

    thing = _pair(("cock", "goldfinch"), ("flamingo", "pelican"))
    voice = _pair(("Speech",), ("Music",))
    birds, cut = tagger("mobilenet_v2_imagenet"), tagger("mobilenet_v2_imagenet", view="object")
    sounds = tagger("yamnet_audioset", modality="audio")
    for what, options, make, concept, items in (
        ("MobileNet v2, JPEG of 224 x 224", birds, photo(224), thing, 400),
        ("the same, object cut out", cut, photo(224), thing, 100),
        ("YAMNet, WAV of half a second", sounds, clip, voice, 400),
    ):
        extractor = open_extractor("tagger", **{**options, "cache": None})
        yield _row("tagger", what, items, measure(extractor, make, items, (concept,)))


def _pair(a: tuple[str, ...], b: tuple[str, ...]) -> Concept:
    return Concept("thing", "What?", (Option("a", tags=a), Option("b", tags=b)))


def _row(name: str, what: str, items: int, pace: Pace) -> Row:
    extras = {
        "local_image": "image", "local_video": "video", "tagger": "encoder", "clip": "encoder",
    }  # fmt: skip
    return {
        "extractor": name,
        "what": what,
        "items": items,
        "items_per_s": round(pace.clock),
        "items_per_core_s": round(pace.core),
        "grown_mb": round(pace.grown, 1),
        "install_mb": round(install_mb(extras[name])) if name in extras else 0,
    }


def install_mb(extra: str) -> float:
    """Megabytes of the packages an extra brings beyond the core."""
    core = _closure("alchemist-label", "")
    added = _closure("alchemist-label", extra) - core
    return sum(_size(name) for name in added) / 1e6


def _closure(package: str, extra: str) -> set[str]:
    from packaging.requirements import Requirement

    found: set[str] = set()
    todo = [(package, extra)]
    while todo:
        name, wanted = todo.pop()
        try:
            needed = requires(name) or []
        except PackageNotFoundError:
            continue
        for line in needed:
            one = Requirement(line)
            if one.marker and not one.marker.evaluate({"extra": wanted}):
                continue
            plain = re.sub(r"[-_.]+", "-", one.name).lower()
            if plain not in found:
                found.add(plain)
                todo += [(plain, more) for more in ("", *one.extras)]
    return found


def _size(name: str) -> int:
    try:
        files = distribution(name).files or []
    except PackageNotFoundError:
        return 0
    paths = [Path(str(file.locate())) for file in files]
    return sum(path.stat().st_size for path in paths if path.is_file())


def main() -> None:
    """Measure all of them."""
    rows = [*local(), *kept(), *taggers()]
    write_table("extractors", "make bench-extractors", rows)


if __name__ == "__main__":
    main()
