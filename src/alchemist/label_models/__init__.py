"""Votes in, labels out: every way of weighing what the programs said.

Listing the names imports nothing; `LABEL_MODELS.load(name)()` is a model to fit.
"""

from alchemist.core.contracts import LabelModel
from alchemist.core.registry import Entry, Registry

LABEL_MODELS: Registry[LabelModel] = Registry(
    kind="label model",
    group="alchemist.label_models",
    ours={
        "dawid_skene": Entry("alchemist.label_models.dawid_skene:DawidSkene"),
        "default": Entry("alchemist.label_models.default:Default"),
        "majority_vote": Entry("alchemist.label_models.majority_vote:MajorityVote"),
        "snorkel": Entry("alchemist.label_models.snorkel:Snorkel", "snorkel", ("snorkel",)),
        "triplet": Entry("alchemist.label_models.triplet:Triplet"),
        "weighted_vote": Entry("alchemist.label_models.weighted_vote:WeightedVote"),
    },
)

__all__ = ["LABEL_MODELS"]
