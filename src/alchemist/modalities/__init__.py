"""Modalities: what a row is, and what programs, prompts and students see of it."""

from alchemist.core.contracts import Modality
from alchemist.core.registry import Entry, Registry

MODALITIES: Registry[Modality] = Registry(
    kind="modality",
    group="alchemist.modalities",
    ours={"text": Entry("alchemist.modalities.text:Text")},
)
