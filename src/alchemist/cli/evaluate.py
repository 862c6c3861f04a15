"""alchemist evaluate: quality with intervals, and the bill."""

from typing import TYPE_CHECKING, Any

from alchemist.cli.console import Console
from alchemist.cli.money import tell_bill
from alchemist.cli.options import Folder, Json, Quiet, Verbose, console, open_task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alchemist.flow.evaluate import EvaluateReport

_NUISANCES = 5
_COLUMNS = {
    "accuracy": "accuracy",
    "on covered": "accuracy_covered",
    "macro_f1": "macro_f1",
    "brier": "brier",
    "ece": "ece",
    "coverage": "coverage",
    "worst group": "worst_group",
}


def evaluate_command(
    folder: Folder, quiet: Quiet = False, verbose: Verbose = False, as_json: Json = False
) -> None:
    """Score labels and student on rows with gold; write results/metrics.json."""
    from alchemist.flow.evaluate import evaluate

    workspace, task = open_task(folder)
    out = console(quiet=quiet, as_json=as_json, verbose=verbose)
    with workspace.writing("alchemist evaluate", wait_s=10):
        report = evaluate(workspace, task, out)
    tell_evaluation(out, report)
    out.document({**report.metrics, "bill": report.bill.to_dict()})


def tell_evaluation(out: Console, report: "EvaluateReport") -> None:
    """Print the scores as a table with intervals, then the bill."""
    skipped = f" (skipped, {report.skipped})" if report.skipped else ""
    out.tell(f"evaluate{skipped}: scored on {report.scored_on}.")
    for split, outputs in report.metrics["scores"].items():
        out.tell()
        shown = {
            title: key for title, key in _COLUMNS.items() if any(key in e for e in outputs.values())
        }
        out.table(
            (f"{split}, n = {next(iter(outputs.values()))['n']:,}", *shown),
            [
                (name, *(_number(entry, key) for key in shown.values()))
                for name, entry in outputs.items()
                if out.verbose or name not in report.metrics["programs"]
            ],
        )
    _tell_audit(out, report.metrics)
    out.tell()
    tell_bill(out, report.bill)


def _tell_audit(out: Console, metrics: "Mapping[str, Any]") -> None:
    """Say how far the labels follow what was kept from programs, and what a student lost."""
    nuisance = metrics.get("nuisance", ())
    if nuisance:
        out.tell()
        outputs = [key for key in ("label_model", "student") if key in nuisance[0]]
        out.table(
            ("labels guessed from", "the commonest class", *outputs),
            [
                (one["name"], f"{one['without']:.3f}", *(f"{one[key]:.3f}" for key in outputs))
                for one in (nuisance if out.verbose else nuisance[:_NUISANCES])
            ],
        )
        out.tell("These were kept from programs; a large gain says how far labels follow them.")
    for sentence in metrics.get("cautions", ()):
        out.tell(sentence)


def _number(entry: dict[str, Any], column: str) -> str:
    found = entry.get(column)
    if not found or found["value"] is None:
        return "–"
    if column in ("brier", "ece", "coverage", "accuracy_covered"):
        return f"{found['value']:.3f}"
    return f"{found['value']:.3f} [{found['low']:.3f}–{found['high']:.3f}]"
