"""Trial: what programs fail at, found on a few rows before any vote counts."""

from collections.abc import Sequence
from dataclasses import replace

from alchemist.core.contracts import Bundle, Limits, Sandbox
from alchemist.core.faults import Fault, Faults
from alchemist.core.program import Program
from alchemist.core.task import Task
from alchemist.engines.probe import probe
from alchemist.flow.rows import Rows, sample_rows
from alchemist.sandbox import open_sandbox
from alchemist.sandbox.policy import check

_ROWS = 400
_ROWS_TO_SPEAK = 2_000
# On fewer rows silence proves little.
_FEWEST_TO_SPEAK = 100
_SLOW_S = 0.02
_SEED = 1


def try_programs(
    rows: Rows, task: Task, programs: Sequence[Program]
) -> dict[str, tuple[Fault, ...]]:
    """Faults by program name: policy, syntax, failures, slowness, moods, and eternal silence.

    A program without faults has an empty tuple.
    """
    faults: dict[str, list[Fault]] = {
        one.name: check(
            one.source, inputs=rows.inputs, as_mapping=task.as_mapping, program=one.name
        )
        for one in programs
    }
    allowed = tuple(one for one in programs if not faults[one.name])
    if allowed:
        sandbox = open_sandbox(task.vote.min_level, processes=1)
        try:
            for name, found in _run(sandbox, rows, _bundle(rows, task, allowed)).items():
                faults[name] += found
        finally:
            sandbox.close()
    # What broke on our side is nothing a program can mend.
    return {
        name: tuple(one for one in found if one.kind != "infra") for name, found in faults.items()
    }


def gravity(faults: Sequence[Fault]) -> int:
    """How bad faults are: 0 for none, 1 for failures on some rows, 2 for no use at all."""
    if not faults:
        return 0
    return 2 if any(fault.row is None for fault in faults) else 1


def _bundle(rows: Rows, task: Task, programs: tuple[Program, ...]) -> Bundle:
    return Bundle(programs, task.classes, rows.inputs, task.as_mapping)


def _run(sandbox: Sandbox, rows: Rows, bundle: Bundle) -> dict[str, list[Fault]]:
    few = sample_rows(rows, _ROWS, _SEED)
    found = probe(sandbox, bundle, few, rows=_ROWS)
    faults = {one.name: _told(found.faults.of_program(one.name)) for one in bundle.programs}
    for name, seconds in found.row_s.items():
        if seconds > _SLOW_S:
            message = f"it takes about {seconds * 1000:.0f} ms a row"
            faults[name].append(Fault(name, "timeout", message))
    tried = min(_ROWS_TO_SPEAK, rows.manifest.n_rows)
    silent = _silent(sandbox, rows, bundle, found.keep) if tried >= _FEWEST_TO_SPEAK else []
    for name in silent:
        message = f"it returns None on every one of {tried:,} rows"
        faults[name].append(Fault(name, "silent", message))
    return faults


def _told(faults: Faults) -> list[Fault]:
    # A program that is stopped after many failures looks moody too; that is no news.
    told = [one for one in faults.examples if one.kind != "nondeterministic"]
    return told or list(faults.examples)


def _silent(sandbox: Sandbox, rows: Rows, bundle: Bundle, names: tuple[str, ...]) -> list[str]:
    """Programs that vote on no row, looked at ever more rows of."""
    left = tuple(one for one in bundle.programs if one.name in names)
    for size in (_ROWS, _ROWS_TO_SPEAK):
        if not left:
            break
        batch = sample_rows(rows, size, _SEED)
        votes = sandbox.run(replace(bundle, programs=left), batch, Limits())
        left = tuple(one for j, one in enumerate(left) if not (votes.matrix[:, j] >= 0).any())
    return [one.name for one in left]
