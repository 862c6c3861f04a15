import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alchemist.modalities.noise import NOISES


@pytest.mark.parametrize("kind", NOISES)
@given(text=st.text(max_size=60), seed=st.integers(0, 2**16))
def test_noise_takes_any_text_and_repeats_itself(kind: str, text: str, seed: int) -> None:
    noise = NOISES[kind]
    once = noise(text, np.random.default_rng(seed))
    assert once == noise(text, np.random.default_rng(seed))
    assert len(once) <= 2 * len(text) + 8 or kind == "other case"


@pytest.mark.parametrize(
    ("kind", "text", "same"),
    [
        pytest.param("no diacritics", "déjà vu, naïve", "deja vu, naive", id="marks"),
        pytest.param("no diacritics", "plain", "plain", id="nothing to lose"),
        pytest.param("other case", "123", "123", id="nothing to turn"),
    ],
)
def test_what_noise_leaves(kind: str, text: str, same: str) -> None:
    assert NOISES[kind](text, np.random.default_rng(0)) == same


@pytest.mark.parametrize("kind", ["typos", "doubled spaces", "scanned", "other case"])
def test_noise_alters_many_long_texts(kind: str) -> None:
    text = "the quick brown fox jumps over the lazy dog and the small cat sleeps on"
    rng = np.random.default_rng(1)
    altered = sum(NOISES[kind](text, rng) != text for _ in range(100))
    assert altered > 33
