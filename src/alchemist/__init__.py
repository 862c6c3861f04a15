"""Label data with programs a language model writes, instead of a model call per row.

    import alchemist

    job = alchemist.open_job("mytask")        # a folder made by `alchemist init`
    job.synthesize()                          # a model writes programs; or bring your own
    job.vote()                                # they run in a sandbox, over every row
    job.aggregate()                           # their votes become one soft label per row
    job.distill()                             # and a small model
    job.evaluate()                            # scored on rows with gold, with the bill
    job.labels()                              # a pyarrow Table

`alchemist.make_job` makes the folder from a file or a data frame. Importing this package loads
nothing heavy.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alchemist.flow.job import Job, make_job, open_job

__version__ = "0.1.0"

__all__ = ["Job", "__version__", "make_job", "open_job"]

_HOMES = dict.fromkeys(("Job", "make_job", "open_job"), "alchemist.flow.job")


def __getattr__(name: str) -> object:
    """Load the front door's names when they are first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
