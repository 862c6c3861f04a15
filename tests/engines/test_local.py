"""The local engine under ill fortune: nothing lost, nothing left running."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alchemist.core.contracts import Bundle, Sandbox
from alchemist.core.errors import SandboxError
from alchemist.core.program import Program
from alchemist.engines.local import LocalEngine
from alchemist.engines.slices import cut
from alchemist.sandbox import open_sandbox
from alchemist.testing.engine import CLASSES

SLOW = "def label(text):\n    for _ in range(10000): pass\n    return len(text) % 3\n"
QUICK = "def label(text):\n    return len(text) % 3\n"


def open_one(_: int) -> Sandbox:
    return open_sandbox("kernel")


def bundle(*sources: str) -> Bundle:
    programs = tuple(Program(f"p{k}", source) for k, source in enumerate(sources))
    return Bundle(programs, CLASSES, ("text",))


def part(number: int, rows: int) -> pa.RecordBatch:
    values = [f"{'x' * (i % 50)}{number}-{i}" for i in range(rows)]
    return pa.record_batch({"id": values, "text": values})


def wanted(batch: pa.RecordBatch) -> list[int]:
    return [len(text) % 3 for text in batch.column("text").to_pylist()]


def zygotes(of: int) -> list[psutil.Process]:
    found = []
    for child in psutil.Process(of).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if "confined.zygote" in " ".join(child.cmdline()):
                found.append(child)
    return found


@pytest.mark.slow
def test_many_parts_on_two_workers_equal_a_plain_loop() -> None:
    parts = [part(k, rows) for k, rows in enumerate((3000, 1, 0, 2500, 40))]
    engine = LocalEngine(open_one, workers=2, slice_rows=700)
    found = list(engine.vote(bundle(QUICK, SLOW, QUICK), iter(parts)))
    assert engine.level == "kernel"
    for batch, votes in zip(parts, found, strict=True):
        assert not votes.faults.total
        for k in range(3):
            assert votes.matrix[:, k].tolist() == wanted(batch)


@pytest.mark.slow
def test_killed_workers_are_replaced_and_lose_nothing() -> None:
    parts = [part(k, 300) for k in range(12)]
    before = set(zygotes(os.getpid()))
    results = LocalEngine(open_one, workers=2).vote(bundle(SLOW), parts)
    found = [next(results)]
    for _ in range(2):
        for zygote in set(zygotes(os.getpid())) - before:
            with suppress(psutil.NoSuchProcess):  # it may just have ended by itself
                zygote.kill()
        found.append(next(results))
    found += list(results)
    assert [v.matrix[:, 0].tolist() for v in found] == [wanted(batch) for batch in parts]
    assert sum(v.faults.total for v in found) == 0


@pytest.mark.slow
def test_a_killed_child_costs_its_row_at_most() -> None:
    results = LocalEngine(open_one, workers=1).vote(bundle(SLOW), [part(0, 3000)])

    def kill_a_grandchild() -> None:
        for _ in range(2000):
            for zygote in zygotes(os.getpid()):
                for child in zygote.children():
                    with contextlib.suppress(psutil.NoSuchProcess):
                        # One that is at its rows, not the one that tries the seal.
                        if child.cpu_times().user > 0.1:
                            child.kill()
                            return
            time.sleep(0.01)

    thread = threading.Thread(target=kill_a_grandchild)
    thread.start()
    (votes,) = results
    thread.join()
    right = np.array(wanted(part(0, 3000)))
    differs = np.flatnonzero(votes.matrix[:, 0] != right)
    assert len(differs) <= 1
    assert votes.faults.total == len(differs)


@pytest.mark.slow
def test_closing_in_the_middle_is_prompt_and_leaves_no_process() -> None:
    results = LocalEngine(open_one, workers=2).vote(
        bundle(QUICK, SLOW), (part(k, 2000) for k in range(50))
    )
    before = set(zygotes(os.getpid()))
    next(results)
    started = set(zygotes(os.getpid())) - before
    assert started
    began = time.perf_counter()
    results.close()
    assert time.perf_counter() - began < 3
    assert gone(list(started), within_s=2)


RUNNER = textwrap.dedent(
    """
    import signal
    import sys
    import pyarrow as pa
    from alchemist.core.contracts import Bundle
    from alchemist.core.program import Program
    from alchemist.core.task import LabelClass
    from alchemist.engines.local import LocalEngine
    from alchemist.sandbox import open_sandbox

    # Whoever starts the tests in the background hands SIGINT down as ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    source = "def label(text):\\n    for _ in range(200000): pass\\n    return 1\\n"
    classes = (LabelClass("a"), LabelClass("b"))
    bundle = Bundle((Program("p", source),), classes, ("text",))
    ids = [str(i) for i in range(5000)]
    parts = [pa.record_batch({"id": ids, "text": ids})] * 20
    engine = LocalEngine(lambda n: open_sandbox("kernel"), workers=2)
    results = engine.vote(bundle, parts)
    print("ready", flush=True)
    try:
        for _ in results:
            pass
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        sys.exit(130)
    """
)


def started_runner() -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    process = subprocess.Popen(
        [sys.executable, "-c", RUNNER], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    below: list[psutil.Process] = []
    for _ in range(500):
        with contextlib.suppress(psutil.NoSuchProcess):
            below = [c for z in zygotes(process.pid) for c in (z, *z.children())]
        if len(below) >= 4:
            return process, below
        time.sleep(0.02)
    raise AssertionError("the workers never started")


def gone(processes: list[psutil.Process], within_s: float = 5) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=within_s)
    return not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.slow
def test_no_orphans_when_the_parent_is_killed() -> None:
    process, below = started_runner()
    process.kill()
    process.communicate()
    assert gone(below)


@pytest.mark.slow
def test_ctrl_c_ends_everything_promptly() -> None:
    process, below = started_runner()
    began = time.perf_counter()
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=10)
    assert said == "interrupted\n"
    assert process.returncode == 130
    assert time.perf_counter() - began < 5
    assert gone(below)


@pytest.mark.slow
def test_where_shared_memory_cannot_grow_the_error_is_a_sentence(tmp_path: Path) -> None:
    # A full disk and a file-size limit reach us as the same refusal.
    script = tmp_path / "full.py"
    script.write_text(
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "import pyarrow as pa\n"
        "from alchemist.core.errors import SandboxError\n"
        "from alchemist.sandbox.process import ProcessSandbox\n"
        "from alchemist.core.contracts import Limits\n"
        "from alchemist.testing.sandbox import bundle_of, texts\n"
        "with ProcessSandbox() as sandbox:\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))\n"
        "    bundle = bundle_of('def label(text):\\n    return 1\\n')\n"
        "    try:\n"
        "        sandbox.run(bundle, texts('x' * 100_000), Limits())\n"
        "    except SandboxError as error:\n"
        "        print(error)\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)\n"
        "    print(sandbox.run(bundle, texts('x'), Limits()).matrix.tolist())\n",
        encoding="utf-8",
    )
    said = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=True
    ).stdout
    assert "Rows could not be handed to the sandbox" in said
    assert said.endswith("[[1]]\n")


@pytest.mark.slow
def test_no_folder_needs_to_be_writable(tmp_path: Path) -> None:
    script = (
        "from alchemist.sandbox.process import ProcessSandbox\n"
        "from alchemist.core.contracts import Limits\n"
        "from alchemist.testing.sandbox import bundle_of, texts\n"
        "with ProcessSandbox() as sandbox:\n"
        "    print(sandbox.run(bundle_of('def label(text):\\n    return 1\\n'), texts('x'), Limits()).matrix.tolist())\n"
    )
    environment = {**os.environ, "TMPDIR": "/nonexistent", "HOME": "/nonexistent"}
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment, cwd="/proc",
    )  # fmt: skip
    assert said.stdout == "[[1]]\n"


def test_an_error_in_reading_parts_reaches_the_caller_and_ends_the_workers() -> None:
    def parts() -> Iterator[pa.RecordBatch]:
        yield part(0, 5)
        raise OSError("the disk went away")

    before = set(zygotes(os.getpid()))
    with pytest.raises(OSError, match="the disk went away"):
        list(LocalEngine(open_one, workers=1).vote(bundle(QUICK), parts()))
    assert set(zygotes(os.getpid())) <= before


def test_slices_depend_on_the_part_alone() -> None:
    batch = part(0, 1001)
    slices = list(cut(batch, ("text",), 250, 1 << 30))
    assert [s.batch.num_rows for s in slices] == [200, 200, 200, 200, 201]
    assert pa.concat_batches([s.batch for s in slices]) == batch
    assert len(list(cut(batch, ("text",), 10_000, batch.column("text").nbytes // 3))) >= 3
    assert len(list(cut(part(0, 0), ("text",), 250, 1))) == 1


@pytest.mark.parametrize("workers", [0, -1])
def test_workers_must_be_positive(workers: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        LocalEngine(open_one, workers=workers)


STREAM = textwrap.dedent(
    """
    import json, sys
    import pyarrow.parquet as pq
    from alchemist.core.contracts import Bundle
    from alchemist.core.program import Program
    from alchemist.core.task import LabelClass
    from alchemist.engines.local import LocalEngine
    from alchemist.sandbox import open_sandbox

    path, programs = sys.argv[1], int(sys.argv[2])
    sources = [f"def label(text):\\n    return 1 if 'w{k}' in text else None\\n" for k in range(programs)]
    bundle = Bundle(
        tuple(Program(f"p{k}", s) for k, s in enumerate(sources)),
        (LabelClass("a"), LabelClass("b")), ("text",),
    )
    rows = voted = 0
    parts = pq.ParquetFile(path).iter_batches(50_000)
    for votes in LocalEngine(lambda n: open_sandbox("kernel"), workers=2).vote(bundle, parts):
        rows += len(votes.matrix)
        voted += int((votes.matrix >= 0).sum())
    print(json.dumps([rows, voted]))
    """
)


@pytest.mark.slow
def test_memory_stays_flat_however_many_rows_stream_by(tmp_path: Path) -> None:
    # The twin of `make bench-stream`: 300,000 rows instead of ten million.
    def peak_mb(n: int) -> float:
        path = tmp_path / f"{n}.parquet"
        values = pa.array([f"row {i} says w{i % 7}" for i in range(n)])
        pq.write_table(
            pa.table({"id": pa.array(map(str, range(n))), "text": values}),
            path,
            row_group_size=50_000,
        )
        process = subprocess.Popen(
            [sys.executable, "-c", STREAM, str(path), "4"], stdout=subprocess.PIPE, text=True
        )
        peak = 0
        while process.poll() is None:
            peak = max(peak, summed_pss(process.pid))
            time.sleep(0.02)
        said = process.communicate()[0]
        assert json.loads(said) == [n, sum(1 for i in range(n) if i % 7 < 4)]
        return peak / 2**20

    small, large = peak_mb(50_000), peak_mb(300_000)
    assert large < 400
    assert large < small + 120


def summed_pss(pid: int) -> int:
    total = 0
    try:
        tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for process in tree:
        try:
            total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
            continue
    return total


def test_the_engine_does_not_retry_for_ever() -> None:
    class Broken:
        level = "kernel"

        def run(self, *_: object) -> None:
            raise SandboxError("always broken")

        def close(self) -> None:
            pass

    with pytest.raises(SandboxError, match="always broken"):
        list(LocalEngine(lambda _: Broken(), workers=1).vote(bundle(QUICK), [part(0, 1)]))  # type: ignore[arg-type]
