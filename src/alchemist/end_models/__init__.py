"""Rows and soft labels in, a small model to keep out."""

from alchemist.core.contracts import EndModel
from alchemist.core.registry import Entry, Registry

END_MODELS: Registry[EndModel] = Registry(
    kind="end model",
    group="alchemist.end_models",
    ours={
        "linear": Entry("alchemist.end_models.linear:LinearStudent"),
        "tfidf": Entry("alchemist.end_models.tfidf:TfidfStudent"),
    },
)
