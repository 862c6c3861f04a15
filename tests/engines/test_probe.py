import time

import pyarrow as pa
import pytest

from alchemist.core.contracts import Bundle, Limits, Sandbox
from alchemist.core.program import Program
from alchemist.engines.probe import probe
from alchemist.sandbox import open_sandbox
from alchemist.testing.engine import CLASSES

PROGRAMS = {
    "good": "def label(text):\n    return 'one' if '1' in text else None\n",
    "sometimes": "def label(text):\n    return 1 // (text[-1] != '7')\n",
    "broken": "def label(text):\n    return 1 / 0\n",
    "policy": "import os\ndef label(text):\n    return 1\n",
    "slow": "def label(text):\n    while True: pass\n",
    "counts": "seen = []\ndef label(text):\n    seen.append(1)\n    return len(seen) % 2\n",
    "remembers": "last = ['']\ndef label(text):\n    was, last[0] = last[0], text\n    return 1 if was > text else 0\n",
}


def rows(n: int) -> pa.RecordBatch:
    return pa.record_batch(
        {"id": [f"r{i}" for i in range(n)], "text": [f"text {i}" for i in range(n)]}
    )


@pytest.mark.slow
def test_broken_slow_and_stateful_programs_are_told_apart() -> None:
    bundle = Bundle(tuple(Program(*item) for item in PROGRAMS.items()), CLASSES, ("text",))
    with open_sandbox("kernel") as sandbox:  # type: ignore[attr-defined]
        found = probe(sandbox, bundle, rows(1000))
    assert found.keep == ("good", "sometimes")
    kinds = {name: {kind for (n, kind) in found.faults.counts if n == name} for name in PROGRAMS}
    assert kinds == {
        "good": set(),
        "sometimes": {"exception"},
        "broken": {"exception"},
        "policy": {"policy.import"},
        "slow": {"timeout"},
        "counts": {"nondeterministic"},
        "remembers": {"nondeterministic"},
    }
    told = next(f for f in found.faults.examples if f.program == "counts")
    assert told.row is not None
    assert "another order" in told.message


def _seconds(sandbox: Sandbox, bundle: Bundle, batch: pa.RecordBatch) -> float:
    began = time.perf_counter()
    sandbox.run(bundle, batch, Limits())
    return time.perf_counter() - began


@pytest.mark.slow
def test_the_time_of_the_full_pass_is_predicted() -> None:
    source = "def label(text):\n    for _ in range(3000): pass\n    return None\n"
    bundle = Bundle(tuple(Program(f"p{k}", source) for k in range(3)), CLASSES, ("text",))
    with open_sandbox("kernel") as sandbox:  # type: ignore[attr-defined]
        predicted = probe(sandbox, bundle, rows(8000)).seconds(8000)
        taken = min(_seconds(sandbox, bundle, rows(8000)) for _ in range(3))
    # Two shared cores: within a factor of five is what can be promised to hold always.
    assert taken / 5 < predicted < taken * 5


def test_an_empty_batch_can_be_probed() -> None:
    bundle = Bundle((Program("good", PROGRAMS["good"]),), CLASSES, ("text",))
    with open_sandbox("kernel") as sandbox:  # type: ignore[attr-defined]
        assert probe(sandbox, bundle, rows(0)).keep == ("good",)
