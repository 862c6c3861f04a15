"""The promises every sandbox keeps. Authors of sandboxes run these too.

SANDBOX_CHECKS hold for any sandbox; ISOLATION_CHECKS for any that confines its programs.
"""

# ruff: noqa: S101 - an assertion is what a promise is

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alchemist.core.contracts import BatchVotes, Bundle, Limits, Sandbox
from alchemist.core.errors import SandboxError
from alchemist.core.program import Program
from alchemist.core.task import LabelClass
from alchemist.core.votes import ABSTAIN, MISSING

if TYPE_CHECKING:
    import pyarrow as pa

MakeSandbox = Callable[[], Sandbox]

CLASSES = (LabelClass("ham", aliases=("fine",)), LabelClass("spam"))
# Short, so that a check of a limit does not take long.
LIMITS = Limits(hard_s=0.4, memory=128 << 20)


def bundle_of(*sources: str, inputs: Sequence[str] = ("text",), as_mapping: bool = False) -> Bundle:
    """Programs p0, p1 … over the classes ham (alias fine) and spam."""
    programs = tuple(Program(f"p{k}", source) for k, source in enumerate(sources))
    return Bundle(programs, CLASSES, tuple(inputs), as_mapping)


def texts(*values: str | None) -> pa.RecordBatch:
    """Rows r0, r1 … with these texts."""
    import pyarrow as pa

    ids = [f"r{i}" for i in range(len(values))]
    return pa.record_batch({"id": pa.array(ids), "text": pa.array(values, pa.string())})


def column(votes: BatchVotes, k: int = 0) -> list[int]:
    """One program's votes as a list."""
    found: list[int] = votes.matrix[:, k].tolist()
    return found


def kinds(votes: BatchVotes, program: str = "p0") -> dict[str, int]:
    """One program's faults: how many of each kind."""
    return {kind: n for (name, kind), n in votes.faults.counts.items() if name == program}


def _run(make: MakeSandbox, bundle: Bundle, batch: pa.RecordBatch) -> BatchVotes:
    sandbox = make()
    try:
        return sandbox.run(bundle, batch, LIMITS)
    finally:
        sandbox.close()


def check_returns_become_votes(make: MakeSandbox) -> None:
    """Names, aliases and indices vote in any case and spacing; None and -1 abstain."""
    source = (
        "SAID = {'a': 'ham', 'b': ' SPAM ', 'c': 'Fine', 'd': 1, 'e': 0, 'f': None, 'g': -1}\n"
        "def label(text):\n    return SAID[text]\n"
    )
    votes = _run(make, bundle_of(source), texts(*"abcdefg"))
    assert column(votes) == [0, 1, 0, 1, 0, ABSTAIN, ABSTAIN], column(votes)
    assert not votes.faults.total, votes.faults


def check_other_returns_are_faults(make: MakeSandbox) -> None:
    """Booleans, floats, unknown names, indices out of range and containers are no votes."""
    source = (
        "SAID = {'a': True, 'b': 1.0, 'c': 'eggs', 'd': 2, 'e': -2, 'f': [1], 'g': 10 ** 30,\n"
        "        'h': float('nan'), 'i': (0,), 'j': b'ham'}\n"
        "def label(text):\n    return SAID[text]\n"
    )
    votes = _run(make, bundle_of(source), texts(*"abcdefghij"))
    assert column(votes) == [MISSING] * 10, column(votes)
    assert kinds(votes) == {"invalid_return": 10}, votes.faults
    assert "'eggs'" in _message(votes, "r2"), votes.faults


def check_failure_is_a_fault_and_not_silence(make: MakeSandbox) -> None:
    """A row that raises has no vote, is counted, and is named with its line; others vote."""
    source = "def label(text):\n    number = int(text)\n    return number\n"
    votes = _run(make, bundle_of(source), texts("0", "one", "1"))
    assert column(votes) == [0, MISSING, 1], column(votes)
    (fault,) = votes.faults.examples
    assert (fault.program, fault.kind, fault.row, fault.line) == ("p0", "exception", "r1", 2), fault
    assert "ValueError" in fault.message
    assert "'one'" in fault.message


def check_a_broken_program_breaks_alone(make: MakeSandbox) -> None:
    """Whatever is wrong with one program, its neighbours' votes are complete."""
    good = "def label(text):\n    return 'spam'\n"
    broken = ("def label(text:\n", "1 / 0\ndef label(text):\n    return 1\n", "x = 1\n")
    votes = _run(make, bundle_of(good, *broken, good), texts("a", "b"))
    assert column(votes, 0) == column(votes, 4) == [1, 1], votes.matrix
    for k in (1, 2, 3):
        assert column(votes, k) == [MISSING, MISSING]
        assert kinds(votes, f"p{k}"), f"nothing was said of p{k}"
        assert all(f.row is None for f in votes.faults.of_program(f"p{k}").examples)


def check_order_is_kept_and_duplicates_agree(make: MakeSandbox) -> None:
    """Votes come in the order of the rows, and equal rows get equal votes and faults."""
    source = "def label(text):\n    return int(text) if text != 'x' else 1 / 0\n"
    votes = _run(make, bundle_of(source), texts("1", "0", "1", "x", "0", "x", "1"))
    assert column(votes) == [1, 0, 1, MISSING, 0, MISSING, 1], column(votes)
    assert kinds(votes) == {"exception": 2}, votes.faults
    assert [fault.row for fault in votes.faults.examples] == ["r3", "r5"], votes.faults


def check_a_missing_text_is_empty(make: MakeSandbox) -> None:
    """A null in a text column reaches programs as the empty string."""
    source = "def label(text):\n    return 'ham' if text == '' else 'spam'\n"
    votes = _run(make, bundle_of(source), texts(None, "", "a"))
    assert column(votes) == [0, 0, 1], column(votes)


def check_inputs_go_by_name(make: MakeSandbox) -> None:
    """With several inputs each parameter gets the column of its name, in whatever order."""
    import pyarrow as pa

    batch = pa.record_batch({"id": ["r0"], "title": ["t"], "body": ["b"]})
    source = "def label(body, title):\n    return 'spam' if (title, body) == ('t', 'b') else None\n"
    votes = _run(make, bundle_of(source, inputs=("title", "body")), batch)
    assert column(votes) == [1], votes.faults


def check_a_mapping_is_typed_and_read_only(make: MakeSandbox) -> None:
    """Rows as mappings hold str, int, float, bool and None, and refuse to be changed."""
    import pyarrow as pa

    batch = pa.record_batch(
        {
            "id": ["r0", "r1"],
            "s": ["é", None],
            "i": pa.array([7, None], pa.int32()),
            "f": [0.5, None],
            "b": [True, None],
        }
    )
    kinds_source = (
        "def label(row):\n"
        "    names = [type(row[k]).__name__ for k in 'sifb']\n"
        "    if names == ['str', 'int', 'float', 'bool'] and row['s'] == 'é' and row['i'] == 7:\n"
        "        return 1\n"
        "    return 0 if names == ['NoneType'] * 4 else 1 / 0\n"
    )
    writing = "def label(row):\n    row['i'] = 8\n    return 1\n"
    bundle = bundle_of(kinds_source, writing, inputs=("s", "i", "f", "b"), as_mapping=True)
    votes = _run(make, bundle, batch)
    assert column(votes) == [1, 0], votes.faults
    assert column(votes, 1) == [MISSING, MISSING], "a row was changed"


def check_no_rows_is_no_trouble(make: MakeSandbox) -> None:
    """A batch without rows gives an empty matrix."""
    votes = _run(make, bundle_of("def label(text):\n    return 1\n"), texts())
    assert votes.matrix.shape == (0, 1), votes.matrix.shape
    assert not votes.faults.total


def check_every_run_starts_afresh(make: MakeSandbox) -> None:
    """What a program remembers does not outlive one run."""
    source = "seen = []\ndef label(text):\n    seen.append(text)\n    return len(seen) - 1\n"
    sandbox = make()
    try:
        first, second = (sandbox.run(bundle_of(source), texts("a"), LIMITS) for _ in range(2))
    finally:
        sandbox.close()
    assert column(first) == column(second) == [0]


def check_closing_is_final(make: MakeSandbox) -> None:
    """Closing twice is no trouble; running afterwards is refused."""
    sandbox = make()
    sandbox.close()
    sandbox.close()
    try:
        sandbox.run(bundle_of("def label(text):\n    return 1\n"), texts("a"), LIMITS)
    except SandboxError:
        return
    raise AssertionError("a closed sandbox ran a program")


def check_an_endless_row_ends(make: MakeSandbox) -> None:
    """A row that never returns is a timeout, and the rows after it are asked."""
    source = "def label(text):\n    while text == 'b': pass\n    return 1\n"
    votes = _run(make, bundle_of(source), texts("a", "b", "c"))
    assert column(votes) == [1, MISSING, 1], column(votes)
    assert kinds(votes) == {"timeout": 1}, votes.faults


def check_an_endless_set_up_ends(make: MakeSandbox) -> None:
    """A program that never becomes a function is a timeout of the whole program."""
    votes = _run(make, bundle_of("while True: pass\ndef label(text):\n    return 1\n"), texts("a"))
    assert column(votes) == [MISSING]
    assert kinds(votes) == {"timeout": 1}, votes.faults


def check_memory_is_limited(make: MakeSandbox) -> None:
    """A row that asks for too much memory has no vote; the rows after it are asked."""
    source = (
        "def label(text):\n    return 1 if len(text * (1 if text == 'a' else 1 << 28)) else 0\n"
    )
    votes = _run(make, bundle_of(source), texts("a", "bomb", "a"))
    assert column(votes) == [1, MISSING, 1], column(votes)
    assert kinds(votes) == {"memory": 1}, votes.faults


def check_three_strikes_quarantine(make: MakeSandbox) -> None:
    """After three timeouts a program is stopped, and says so; its neighbour is untouched."""
    endless = "def label(text):\n    while True: pass\n"
    good = "def label(text):\n    return 1\n"
    values = [f"t{i}" for i in range(50)]
    votes = _run(make, bundle_of(endless, good), texts(*values))
    assert column(votes) == [MISSING] * 50
    assert column(votes, 1) == [1] * 50
    assert any(fault.row is None for fault in votes.faults.of_program("p0").examples)


def check_files_and_environment_are_out_of_reach(make: MakeSandbox) -> None:
    """A program can neither write a file nor see an environment variable."""
    with tempfile.TemporaryDirectory() as folder:
        mark = Path(folder) / "mark"
        writing = (
            f"def label(text):\n    with open({str(mark)!r}, 'w') as file:\n"
            "        file.write(text)\n    return 1\n"
        )
        looking = "import os\ndef label(text):\n    return len(os.environ['ALCHEMIST_KIT'])\n"
        os.environ["ALCHEMIST_KIT"] = "x"
        try:
            votes = _run(make, bundle_of(writing, looking), texts("a"))
        finally:
            del os.environ["ALCHEMIST_KIT"]
        assert not mark.exists(), "a program wrote a file"
    assert votes.matrix.tolist() == [[MISSING, MISSING]], votes.matrix


SANDBOX_CHECKS: tuple[Callable[[MakeSandbox], None], ...] = (
    check_returns_become_votes,
    check_other_returns_are_faults,
    check_failure_is_a_fault_and_not_silence,
    check_a_broken_program_breaks_alone,
    check_order_is_kept_and_duplicates_agree,
    check_a_missing_text_is_empty,
    check_inputs_go_by_name,
    check_a_mapping_is_typed_and_read_only,
    check_no_rows_is_no_trouble,
    check_every_run_starts_afresh,
    check_closing_is_final,
)

ISOLATION_CHECKS: tuple[Callable[[MakeSandbox], None], ...] = (
    check_an_endless_row_ends,
    check_an_endless_set_up_ends,
    check_memory_is_limited,
    check_three_strikes_quarantine,
    check_files_and_environment_are_out_of_reach,
)


def _message(votes: BatchVotes, row: str) -> str:
    return next(fault.message for fault in votes.faults.examples if fault.row == row)
