"""Modalities: what a row is, and what programs, prompts and students see of it."""

from alchemist.core.contracts import Modality
from alchemist.core.registry import Entry, Registry

MODALITIES: Registry[Modality] = Registry(
    kind="modality",
    group="alchemist.modalities",
    ours={
        "audio": Entry("alchemist.modalities.media:Audio"),
        "image": Entry("alchemist.modalities.media:Image"),
        "series": Entry("alchemist.modalities.media:Series"),
        "tabular": Entry("alchemist.modalities.tabular:Tabular"),
        "text": Entry("alchemist.modalities.text:Text"),
        "video": Entry("alchemist.modalities.media:Video"),
    },
)
