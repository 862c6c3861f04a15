"""One way of running programs over texts, timed, in an interpreter of its own.

    python engine_contender.py JOB.json

JOB has `contender`, `prefilter`, `programs` (sources), `classes` (names) and `texts` (a path
to a JSON list). Prints one JSON object: seconds of the pass, start-up of the engine included,
and a digest of the votes, which must not differ between contenders. This file imports nothing
of ours unless the contender is ours.
"""

import hashlib
import json
import sys
import time
from array import array
from pathlib import Path


def functions(programs):
    """The programs as plain functions."""
    made = []
    for source in programs:
        names = {"__name__": "program"}
        exec(compile(source, "<program>", "exec"), names)
        made.append(names["label"])
    return made


def table_of(classes):
    """Class names to indices; None abstains."""
    return {None: -1} | {name.casefold(): i for i, name in enumerate(classes)}


def loop(job, texts):
    """Two plain loops and a dictionary."""
    table = table_of(job["classes"])
    return [[table[label(text)] for text in texts] for label in functions(job["programs"])]


def pandas(job, texts):
    """Series.apply, one program after the other."""
    import pandas as pd

    table, series = table_of(job["classes"]), pd.Series(texts)
    columns = []
    for label in functions(job["programs"]):
        # pandas turns None among strings into NaN.
        said = series.apply(label)
        columns.append([table[one if isinstance(one, str) else None] for one in said])
    return columns


def ours(job, texts):
    """The local engine over kernel sandboxes."""
    import pyarrow as pa

    from alchemist.core.contracts import Bundle
    from alchemist.core.program import Program
    from alchemist.core.task import LabelClass
    from alchemist.engines.local import LocalEngine
    from alchemist.sandbox.process import ProcessSandbox, Walls

    programs = tuple(Program(f"p{k}", source) for k, source in enumerate(job["programs"]))
    bundle = Bundle(programs, tuple(map(LabelClass, job["classes"])), ("text",))
    batch = pa.record_batch({"id": [str(i) for i in range(len(texts))], "text": texts})
    walls = Walls(prefilter=job["prefilter"])
    workers = int(job["contender"].removeprefix("ours-"))
    engine = LocalEngine(lambda _: ProcessSandbox(walls=walls), workers=workers)
    (votes,) = engine.vote(bundle, [batch])
    assert engine.level == "kernel", engine.level
    assert not votes.faults.total, votes.faults.counts
    return votes.matrix.T.tolist()


def main() -> None:
    """Run one job."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    texts = json.loads(Path(job["texts"]).read_text(encoding="utf-8"))
    run = {"loop": loop, "pandas": pandas}.get(job["contender"], ours)
    if run is ours:
        # Imports are not what is measured.
        import pyarrow.compute  # noqa: F401

    elif run is pandas:
        import pandas as _  # noqa: F401, ICN001
    began = time.perf_counter()
    columns = run(job, texts)
    seconds = time.perf_counter() - began
    digest = hashlib.sha256()
    for column in columns:
        digest.update(array("h", column).tobytes())
    print(json.dumps({"seconds": seconds, "votes": digest.hexdigest()}))


if __name__ == "__main__":
    main()
