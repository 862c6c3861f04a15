"""What an item shows, as named numbers: extractors for pictures, sound, series and film."""

from dataclasses import dataclass
from pathlib import Path

from alchemist.core.contracts import Extractor
from alchemist.core.errors import BadConcepts
from alchemist.core.registry import Entry, Registry

VIEWS = ("full", "crop", "object")

EXTRACTORS: Registry[Extractor] = Registry(
    kind="extractor",
    group="alchemist.extractors",
    ours={
        "clip": Entry(
            "alchemist.concepts.clip:Clip", "encoder", ("onnxruntime", "tokenizers", "PIL")
        ),
        "local_audio": Entry("alchemist.concepts.local_audio:LocalAudio"),
        "local_image": Entry("alchemist.concepts.local_image:LocalImage", "image", ("PIL",)),
        "local_series": Entry("alchemist.concepts.local_series:LocalSeries"),
        "local_video": Entry("alchemist.concepts.local_video:LocalVideo", "video", ("av", "PIL")),
        "pixels": Entry("alchemist.concepts.pixels:Pixels", "image", ("PIL",)),
        "precomputed": Entry("alchemist.concepts.precomputed:Precomputed"),
        "tagger": Entry("alchemist.concepts.tagger:Tagger", "encoder", ("onnxruntime", "PIL")),
    },
)


@dataclass(frozen=True, slots=True)
class Opening:
    """With what an extractor is opened; each takes what it needs and refuses what it cannot use.

    Attributes:
        modality: What the items are: image, audio, series or video.
        model: Folder of a local model.
        view: Which part of a picture is looked at: all, the object's surroundings, the object.
        segmenter: Folder of the local model that finds the object, for views other than full.
        cache: Where embeddings and scores are kept between runs; nowhere when None.
        columns: Names of the numbers in an item, for `precomputed`.
    """

    modality: str
    model: Path | None = None
    view: str = "full"
    segmenter: Path | None = None
    cache: Path | None = None
    columns: tuple[str, ...] = ()


def open_extractor(
    name: str,
    *,
    modality: str,
    model: Path | None = None,
    view: str = "full",
    segmenter: Path | None = None,
    cache: Path | None = None,
    columns: tuple[str, ...] = (),
) -> Extractor:
    """Open an extractor by name.

    Args:
        name: One of EXTRACTORS.
        modality: See Opening, as for the others.
        model: As above.
        view: As above.
        segmenter: As above.
        cache: As above.
        columns: As above.

    Raises:
        UnknownName: No extractor has this name.
        MissingExtra: Its optional packages are not installed.
        BadConcepts: It cannot be opened with these settings.
        BadModel: The model folder, or the segmenter folder, does not fit.
    """
    if view not in VIEWS:
        raise BadConcepts(f"There is no view {view!r}; a view is full, crop or object.")
    found = EXTRACTORS.load(name)
    opening = Opening(modality, model, view, segmenter, cache, columns)
    return found(opening)  # type: ignore[call-arg]  # a contract says nothing of construction
