"""Runs contenders on vote matrices, in whatever interpreter has them.

    python label_models_contender.py JOBS.json

JOBS is a list of {"votes", "out", "contender", "seconds"}: `votes` an .npz with train (n, m),
test (n', m), k and perhaps balance (k,); `out` an .npz that gets proba (n', k), cpu_s and
peak_mb, or error. This file imports nothing of ours unless the contender is ours, so that an
environment made for the others can run it.
"""

import contextlib
import io
import json
import signal
import sys
import time
import warnings
from pathlib import Path


def fit_ours(name, train, test, k, balance):
    """One of Alchemist's label models."""
    from alchemist.label_models.front import MatrixModel

    return MatrixModel(name, n_classes=k).fit(train, class_balance=balance).predict_proba(test)


def fit_snorkel(train, test, k, balance):
    """Snorkel's LabelModel as its documentation calls it."""
    from snorkel.labeling.model import LabelModel

    model = LabelModel(cardinality=k, verbose=False)
    given = None if balance is None else balance.tolist()
    model.fit(train.astype(int), n_epochs=100, seed=1, progress_bar=False, class_balance=given)
    return model.predict_proba(test.astype(int))


def fit_crowd_kit(train, test, k, _balance):
    """crowd-kit's Dawid-Skene; it takes no balance, and labels only rows it was fitted on."""
    import numpy as np
    import pandas as pd
    from crowdkit.aggregation import DawidSkene

    same = train is test or (train.shape == test.shape and (train == test).all())
    both = test if same else np.concatenate([test, train])
    row, program = np.nonzero(both >= 0)
    table = pd.DataFrame({"task": row, "worker": program, "label": both[row, program].astype(int)})
    model = DawidSkene(n_iter=100)
    model.fit(table)
    found = np.zeros((len(both), k))
    found[np.ix_(model.probas_.index, model.probas_.columns)] = model.probas_.fillna(0).to_numpy()
    silent = found.sum(axis=1) == 0
    # Rows without a vote are missing from its answer; they get its own class shares.
    shares = found[~silent].mean(axis=0) if (~silent).any() else np.full(k, 1 / k)
    found[silent] = shares
    return found[: len(test)]


THEIRS = {"snorkel": fit_snorkel, "crowd-kit": fit_crowd_kit}


def run(job):
    """Fit and predict once, measured."""
    import numpy as np

    with np.load(job["votes"]) as arrays:
        train, test, k = arrays["train"], arrays["test"], int(arrays["k"])
        balance = arrays.get("balance")
    if np.array_equal(train, test):
        test = train
    fit = THEIRS.get(job["contender"])
    before = _fresh_peak()
    started = time.process_time()
    if fit is None:
        proba = fit_ours(job["contender"], train, test, k, balance)
    else:
        proba = fit(train, test, k, balance)
    seconds = time.process_time() - started
    peak = _status("VmHWM") - before
    if np.asarray(proba).shape != (len(test), k):
        raise ValueError(f"answers {np.asarray(proba).shape} instead of {(len(test), k)}")
    return {"proba": np.asarray(proba, dtype=np.float64), "cpu_s": seconds, "peak_mb": peak}


def _fresh_peak():
    """Memory now, in MB, after telling the kernel to forget earlier peaks."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _status(field):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return 0.0


class OutOfTimeError(Exception):
    """The contender took longer than allowed."""


def _stop(*_):
    raise OutOfTimeError("out of time")


def main():
    """Run all jobs, each at most its seconds; a failing one is an answer too."""
    import numpy as np

    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, _stop)
    jobs = json.loads(Path(sys.argv[1]).read_text())
    for number, job in enumerate([*jobs[:1], *jobs]):
        signal.alarm(job["seconds"])
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                found = run(job)
        except Exception as error:
            found = {"error": f"{type(error).__name__}: {error}"[:200]}
        finally:
            signal.alarm(0)
        # The first job runs twice: imports and first calls are not what is measured.
        if number:
            np.savez(job["out"], **found)


if __name__ == "__main__":
    main()
