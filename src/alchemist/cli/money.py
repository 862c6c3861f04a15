"""Money in sentences: what a plan would cost, and a question before it is spent."""

import os
import sys
from typing import TYPE_CHECKING

import typer

from alchemist.cli.console import Console
from alchemist.core.errors import OverBudget
from alchemist.core.task import Task
from alchemist.store.workspace import Workspace

if TYPE_CHECKING:
    from alchemist.flow.bill import Bill
    from alchemist.providers.plan import Money, Plan


def dollars(amount: float | None) -> str:
    """An amount as people read it; unknown is said, never shown as 0."""
    if amount is None:
        return "an unknown price"
    if amount == 0:
        return "$0"
    return (
        f"${amount:,.2f}"
        if amount >= 1
        else f"${amount:.2g}"
        if amount < 0.01
        else f"${amount:.3f}"
    )


def band(money: "Money | None") -> str:
    """A band of dollars."""
    if money is None:
        return "unknown price"
    return f"{dollars(money.low)} to {dollars(money.high)}, likely {dollars(money.likely)}"


def tell_plan(out: Console, plan: "Plan") -> None:
    """Show what synthesis would send and cost, beside labeling row by row."""
    out.table(
        ("", "calls", "input tokens", "output tokens", "dollars"),
        [
            (
                "programs (once)",
                f"{plan.calls:,}",
                f"{plan.input.low:,.0f}–{plan.input.high:,.0f}",
                f"{plan.output.low:,.0f}–{plan.output.high:,.0f}",
                band(plan.cost_usd),
            ),
            (
                "a call per row",
                "" if plan.per_row_calls is None else f"{plan.per_row_calls:,}",
                "",
                "",
                band(plan.per_row_cost_usd),
            ),
        ],
    )
    if plan.ratio is not None and plan.per_row_calls:
        compared = times(plan.ratio, plan.per_row_calls).lstrip(",; ")
        out.tell(f"A call per row: {compared}. Token counts are estimates.")
    model = plan.model or "no model named yet"
    priced = f", priced as {plan.price_as}" if plan.price_as else ""
    out.tell(f"Model: {model}{priced}; prices from {plan.price_source}.")
    if plan.cached:
        out.tell(f"{plan.cached} answers are there already and cost nothing.")


def times(ratio: float | None, n_rows: int) -> str:
    """How the price of a call per row compares; on few rows, where programs begin to pay."""
    if not ratio:
        return ""
    if ratio >= 1.5:
        return f", {ratio:,.0f} times as much"
    return f"; programs are cheaper from about {round(n_rows / ratio, -2):,.0f} rows on"


def tell_bill(out: Console, bill: "Bill") -> None:
    """Say what was paid, and what a call per row would have cost."""
    priced = f" (priced as {bill.price_as})" if bill.price_as else ""
    paid = f"{bill.calls} calls, {dollars(bill.spent_usd)}{priced}"
    if bill.reserved_usd:
        paid += f", and up to {dollars(bill.reserved_usd)} for calls without an outcome"
    per_row = f"a call per row would cost about {dollars(bill.per_row_usd)}"
    out.tell(
        f"Bill: {paid} for {bill.n_labels:,} labels; {per_row}{times(bill.ratio, bill.n_labels)}."
    )


def confirm_spending(out: Console, workspace: Workspace, task: Task, *, yes: bool) -> None:
    """Show the plan and ask, where there is something to spend and a person to ask."""
    from alchemist.flow.synthesize import plan

    confirm_plan(out, task, plan(workspace, task, out), yes=yes)


def confirm_plan(out: Console, task: Task, found: "Plan", *, yes: bool) -> None:
    """Show a plan and ask, where there is something to spend and a person to ask."""
    if found.cost_usd is not None and found.cost_usd.high == 0:
        return
    if yes or out.as_json:
        return
    tell_plan(out, found)
    if not sys.stdin.isatty() or os.environ.get("CI"):
        raise OverBudget(
            "This would send prompts that may cost money; say --yes to agree "
            f"(never more than {dollars(task.synthesis.max_cost_usd)}, see --max-cost)."
        )
    typer.confirm(
        f"Send them (never more than {dollars(task.synthesis.max_cost_usd)})?", abort=True, err=True
    )
