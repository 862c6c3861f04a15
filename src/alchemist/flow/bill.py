"""Bill: what the programs cost so far, beside what a call per row would."""

from dataclasses import dataclass
from typing import Any

from alchemist.core.task import Task
from alchemist.flow.rows import Rows
from alchemist.flow.synthesize import plan_for
from alchemist.providers.ledger import Ledger
from alchemist.store.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Bill:
    """What was paid, in dollars.

    Attributes:
        calls: Answers paid for, or that would have been.
        cached: Answers that came from the cache.
        spent_usd: Their price; None when some price is unknown.
        reserved_usd: Held back for calls whose outcome is unknown.
        price_as: The model whose price stands in for an unpriced one, or empty.
        n_labels: Rows labeled.
        per_row_usd: What one call per row would cost, likely; None when unknown.
        ratio: How many times more that is; None when either is unknown or nothing was spent.
    """

    calls: int
    cached: int
    spent_usd: float | None
    reserved_usd: float
    price_as: str
    n_labels: int
    per_row_usd: float | None
    ratio: float | None

    def to_dict(self) -> dict[str, Any]:
        """The attributes by name, ready for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def draw_up_bill(workspace: Workspace, task: Task, rows: Rows) -> Bill:
    """Read the ledger and price the alternative."""
    standing = Ledger(workspace.ledger).standing()
    spent = None if standing.unpriced else standing.spent_usd
    plan = plan_for(workspace, task, rows)
    per_row = None if plan.per_row_cost_usd is None else plan.per_row_cost_usd.likely
    ratio = per_row / spent if spent and per_row is not None else None
    return Bill(
        standing.calls,
        standing.cached,
        spent,
        standing.reserved_usd,
        task.synthesis.price_as,
        rows.manifest.n_rows,
        per_row,
        ratio,
    )
