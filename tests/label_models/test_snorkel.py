import numpy as np
import pytest

from alchemist.core.errors import BadVotes, MissingExtra
from alchemist.core.patterns import PatternCounts
from alchemist.label_models import LABEL_MODELS
from tests.label_models.conftest import dense

INSTALLED = LABEL_MODELS.installed("snorkel")


@pytest.mark.skipif(INSTALLED, reason="snorkel is installed")
def test_without_snorkel_the_way_to_it_is_told() -> None:
    with pytest.raises(MissingExtra, match=r"pip install 'alchemist-label\[snorkel\]'"):
        LABEL_MODELS.load("snorkel")


@pytest.mark.extra("snorkel")
@pytest.mark.skipif(not INSTALLED, reason="needs snorkel")
def test_our_adapter_answers_like_the_package() -> None:
    from snorkel.labeling.model import LabelModel

    votes, _ = dense(rows=500, k=3)
    theirs = LabelModel(cardinality=3, verbose=False)
    # Patterns are sorted, so the package must see the rows in that order too.
    counts = PatternCounts.of(votes)
    rows = np.repeat(counts.patterns, counts.counts, axis=0)
    theirs.fit(rows.astype(int), n_epochs=100, seed=1, progress_bar=False)
    ours = LABEL_MODELS.load("snorkel")().fit(counts).predict(votes)
    wanted = theirs.predict_proba(votes.matrix.astype(int))
    np.testing.assert_allclose(ours.proba[ours.covered], wanted[ours.covered], atol=1e-3)


@pytest.mark.extra("snorkel")
@pytest.mark.skipif(not INSTALLED, reason="needs snorkel")
def test_snorkel_needs_three_programs() -> None:
    votes, _ = dense(rows=50, precisions=(0.8, 0.8))
    with pytest.raises(BadVotes, match="at least 3 programs that vote"):
        LABEL_MODELS.load("snorkel")().fit(PatternCounts.of(votes))
