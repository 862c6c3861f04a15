"""The process sandbox beyond what every sandbox promises."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alchemist.core.contracts import BatchVotes, Bundle, Limits
from alchemist.core.errors import BadRows, SandboxError
from alchemist.core.votes import MISSING
from alchemist.sandbox.chunk import encode
from alchemist.sandbox.confined import rows, seccomp, wire
from alchemist.sandbox.process import ProcessSandbox, level_of
from alchemist.sandbox.tally import read_slot
from alchemist.testing.sandbox import bundle_of, column, kinds, texts

Run = Callable[..., BatchVotes]


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("def label(text):\n    x = 1\n    return 1 / 0\n", 3),
        ("def helper(t):\n    return t[99]\ndef label(text):\n    return helper(text)\n", 2),
        ("import re\n\ndef label(text):\n    return re.search('(', text)\n", 4),
    ],
    ids=["in label", "in a helper", "in the library"],
)
def test_fault_names_the_programs_own_line(run: Run, source: str, line: int) -> None:
    assert run(source, "a").faults.examples[0].line == line


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("def label(text):\n    return label(text)\n", "exception"),
        ("def label(text):\n    raise Exception\n", "exception"),
        ("class E(Exception):\n    def __str__(self): return 1 / 0\ndef label(text):\n    raise E()\n", "invalid_return"),
        ("def label(text):\n    print(text, 'x' * 99)\n    return 1\n", None),
        ("label = None\ndef label(text):\n    return {}[text]\n", "exception"),
        ("class S(str): pass\ndef label(text):\n    return S('spam')\n", None),
        ("from enum import Enum\nclass L(str, Enum):\n    S = 'spam'\ndef label(text):\n    return L.S\n", None),
        ("from enum import IntEnum\nclass L(IntEnum):\n    S = 1\ndef label(text):\n    return L.S\n", None),
        ("from dataclasses import dataclass\n@dataclass\nclass D:\n    x: int = 1\ndef label(text):\n    return D().x\n", None),
        ("def label(text):\n    try:\n        import numpy\n    except ImportError:\n        return 1\n", "policy.import"),
        ("def label(text):\n    return 1 if isinstance(str, type) and type(text) is str else 0\n", None),
        ("def label(text):\n    import unicodedata as u, json\n    return 1 if u.name('a') and json.dumps(1) else 0\n", None),
        ("from __future__ import annotations\ndef label(text: Unknown) -> int:\n    return 1\n", None),
    ],
)  # fmt: skip
def test_one_row(run: Run, source: str, kind: str | None) -> None:
    votes = run(source, "a")
    assert column(votes) == [1 if kind is None else MISSING], votes.faults
    assert set(kinds(votes)) == ({kind} if kind else set())


@pytest.mark.parametrize(
    ("name", "told"),
    [
        pytest.param("object_aspct", "KeyError: 'object_aspct'. Did you mean 'object_aspect'?", id="near"),
        pytest.param("weather", "KeyError: 'weather'", id="far"),
    ],
)  # fmt: skip
def test_a_value_of_no_name_is_told_with_a_near_one(name: str, told: str) -> None:
    source = f"def label(row):\n    return 1 if row[{name!r}] > 1 else 0\n"
    bundle = bundle_of(source, inputs=("object_aspect", "edges"), as_mapping=True)
    batch = pa.record_batch({"id": ["a"], "object_aspect": [1.0], "edges": [2.0]})
    sandbox = ProcessSandbox()
    try:
        votes = sandbox.run(bundle, batch, Limits())
    finally:
        sandbox.close()
    assert votes.faults.examples[0].message == told


@pytest.mark.slow
def test_bare_except_does_not_swallow_the_time_limit(run: Run) -> None:
    source = (
        "def label(text):\n    while text == 'x':\n        try:\n            while True: pass\n"
        "        except: pass\n    return 1\n"
    )
    assert column(run(source, "a", "x", "b")) == [1, MISSING, 1]


@pytest.mark.slow
def test_only_the_row_that_kills_its_process_is_lost(run: Run) -> None:
    source = (
        "class C:\n    def __enter__(self): return self\n    def __exit__(self, *a): return True\n"
        "def label(text):\n    while text == 'x':\n        try:\n            with C():\n"
        "                while True: pass\n        finally:\n            continue\n    return 1\n"
    )
    votes = run(source, "a", "x", "b", "c", limits=Limits(hard_s=0.3))
    assert column(votes) == [1, MISSING, 1, 1]
    assert kinds(votes) == {"timeout": 1}
    assert votes.faults.examples[0].row == "r1"


def test_a_crowd_of_failures_stops_a_program_with_exact_counts(run: Run) -> None:
    votes = run("def label(text):\n    return int(text) / 0\n", *[f"{i}" for i in range(500)])
    assert kinds(votes) == {"exception": 201}  # 200 rows, and the program as a whole
    whole = [f for f in votes.faults.examples if f.row is None]
    assert "200 of 200 rows" in whole[0].message
    assert len(votes.faults.examples) == 100


def test_equal_rows_run_once(run: Run) -> None:
    source = "seen = []\ndef label(text):\n    seen.append(text)\n    return len(seen) - 1\n"
    assert column(run(source, "a", "a", "b", "a", "b")) == [0, 0, 1, 0, 1]


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"id": ["a"], "txt": ["x"]}, r"no column 'text'.*Did you mean 'txt'"),
        ({"text": ["x"]}, "needs an 'id' column"),
        ({"id": ["a"], "text": pa.array([["x"]])}, "holds list<.*programs cannot take"),
    ],
)
def test_bad_rows_are_named(
    sandbox: ProcessSandbox, columns: dict[str, object], complaint: str
) -> None:
    with pytest.raises(BadRows, match=complaint):
        sandbox.run(
            bundle_of("def label(text):\n    return 1\n"), pa.record_batch(columns), Limits()
        )


def test_a_dead_zygote_is_replaced_and_the_rows_run_again(run: Run) -> None:
    with ProcessSandbox() as sandbox:
        (zygote,) = [
            p for p in psutil.Process().children() if p.pid == sandbox._zygote._process.pid
        ]
        os.kill(zygote.pid, signal.SIGKILL)
        zygote.wait(5)
        votes = sandbox.run(bundle_of("def label(text):\n    return 1\n"), texts("a"), Limits())
        assert column(votes) == [1]


@pytest.mark.slow
def test_a_zygote_killed_in_the_middle_costs_nothing() -> None:
    source = "def label(text):\n    for _ in range(30000): pass\n    return 1\n"
    values = [str(i) for i in range(400)]
    with ProcessSandbox() as sandbox:
        pid = sandbox._zygote._process.pid
        killer = threading.Timer(0.1, os.kill, (pid, signal.SIGKILL))
        killer.start()
        votes = sandbox.run(bundle_of(source), texts(*values), Limits())
        killer.join()
        assert not psutil.pid_exists(pid)
    assert column(votes) == [1] * 400


@pytest.mark.slow
def test_closing_from_another_thread_ends_a_run_at_once() -> None:
    source = "def label(text):\n    for _ in range(1000000): pass\n    return 1\n"
    sandbox = ProcessSandbox()
    children = psutil.Process(sandbox._zygote._process.pid)
    caught: list[BaseException] = []

    def work() -> None:
        try:
            sandbox.run(bundle_of(source), texts(*map(str, range(1000))), Limits())
        except SandboxError as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.3)
    began = time.perf_counter()
    sandbox.close()
    thread.join(5)
    assert time.perf_counter() - began < 2
    assert caught
    assert not children.is_running()


def test_the_zygote_carries_no_environment_and_no_open_files(sandbox: ProcessSandbox) -> None:
    process = psutil.Process(sandbox._zygote._process.pid)
    opened = {
        Path(f"/proc/{process.pid}/fd/{fd.name}").readlink().name
        for fd in Path(f"/proc/{process.pid}/fd").iterdir()
    }
    assert not [name for name in opened if name.endswith((".py", ".toml"))]


@pytest.mark.parametrize(
    ("landlock", "sealed", "level"),
    [
        ("ok (abi 7)", "ok", "kernel"),
        ("not in this kernel", "ok", "kernel-nolandlock"),
        ("ok (abi 7)", "refused", "language"),
        ("without effect", "ok", "kernel-nolandlock"),
        ("not this operating system", "not this operating system", "language"),
    ],
)
def test_level_is_what_was_seen(landlock: str, sealed: str, level: str) -> None:
    assert level_of({"landlock": landlock, "seccomp": sealed}) == level


def test_a_seatbelt_is_a_level_of_its_own() -> None:
    assert level_of({"landlock": "not this operating system", "seatbelt": "ok"}) == "os-profile"
    assert level_of({"landlock": "not this operating system", "seatbelt": "refused"}) == "language"


def verdict(
    machine: seccomp.Machine, number: int, argument: int = 0, audit: int | None = None
) -> int:
    """Interpret the filter as the kernel would."""
    import struct

    steps = list(struct.iter_unpack("<HBBI", seccomp.build(machine)))
    memory = {0: number, 4: machine.audit if audit is None else audit, 32: argument}
    at, held = 0, 0
    while True:
        operation, yes, no, operand = steps[at]
        at += 1
        if operation == 0x20:
            held = memory[operand]
        elif operation == 0x06:
            return operand
        else:
            true = {0x15: held == operand, 0x35: held >= operand, 0x45: bool(held & operand)}[
                operation
            ]
            at += yes if true else no


@pytest.mark.parametrize("name", seccomp.MACHINES)
def test_filter_allows_its_list_and_nothing_else(name: str) -> None:
    machine = seccomp.MACHINES[name]
    by_number = {number: call for call, number in machine.calls.items()}
    for number in range(600):
        call = by_number.get(number)
        wanted = seccomp.KILL
        if call in seccomp.ALLOWED or call in seccomp.NOT_EXECUTABLE:
            wanted = seccomp.ALLOW
        elif call in seccomp.REFUSED:
            wanted = seccomp.REFUSE
        assert verdict(machine, number) == wanted, (number, call)
    for call in seccomp.NOT_EXECUTABLE:
        assert verdict(machine, machine.calls[call], argument=4) == seccomp.REFUSE
    assert verdict(machine, machine.calls["brk"], audit=1) == seccomp.KILL
    if name == "x86_64":
        assert verdict(machine, 0x40000000 + 12) == seccomp.KILL


def test_no_call_is_both_allowed_and_refused() -> None:
    assert not set(seccomp.ALLOWED) & set(seccomp.REFUSED) & set(seccomp.NOT_EXECUTABLE)
    for machine in seccomp.MACHINES.values():
        assert len(set(machine.calls.values())) == len(machine.calls)


@given(st.binary(max_size=600), st.binary(min_size=20, max_size=20), st.integers(2, 5))
def test_whatever_a_child_writes_is_read_as_votes_of_its_own(
    header: bytes, cells: bytes, classes: int
) -> None:
    outcome = read_slot(memoryview(header.ljust(wire.HEADER, b"\0") + cells), 10, classes)
    assert len(outcome.cells) == 10
    assert ((outcome.cells >= wire.CRASH) & (outcome.cells < wire.FIRST_CLASS + classes)).all()
    for row, line, cell, message in outcome.records:
        assert -1 <= row < 10
        assert line >= 0
        assert cell in wire.KINDS
        assert message.isprintable()


VALUES = {
    "text": st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=8)),
    "int": st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
    "float": st.one_of(st.none(), st.floats()),
    "bool": st.one_of(st.none(), st.booleans()),
}
TYPES = {"text": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}


@given(st.data(), st.integers(0, 12), st.integers(0, 3))
def test_rows_survive_the_journey_bit_by_bit(data: st.DataObject, n: int, skip: int) -> None:
    drawn = {
        k: data.draw(st.lists(v, min_size=n + skip, max_size=n + skip)) for k, v in VALUES.items()
    }
    arrays = {k: pa.array(v, TYPES[k]) for k, v in drawn.items()}
    batch = pa.record_batch({"id": [str(i) for i in range(n + skip)], **arrays}).slice(skip)
    bundle = Bundle((), (), tuple(VALUES), as_mapping=True)
    chunk = encode(batch, bundle)
    held = np.concatenate(chunk.buffers).tobytes() if chunk.buffers else b""
    decoded = rows.decode(memoryview(held), chunk.columns, list(VALUES), chunk.rows)
    shaped = rows.shape(decoded, list(VALUES), "mapping")
    assert chunk.rows <= n
    for i in range(n):
        found = shaped[chunk.original[i]]
        for name, values in drawn.items():
            wanted = values[skip + i]
            assert type(found[name]) is type(wanted)
            assert found[name] == wanted or (found[name] != found[name] and wanted != wanted)
