"""The tree of commands. Each command's own file imports what is heavy only when it runs."""

from collections.abc import Callable

import typer

from alchemist.cli.aggregate import aggregate_command
from alchemist.cli.annotate import annotate_command
from alchemist.cli.baselines import baselines_command
from alchemist.cli.concepts import concepts_command
from alchemist.cli.costs import costs_command
from alchemist.cli.demo import demo_command
from alchemist.cli.distill import distill_command
from alchemist.cli.doctor import doctor_command
from alchemist.cli.evaluate import evaluate_command
from alchemist.cli.explain import explain_command
from alchemist.cli.forecast import forecast_command
from alchemist.cli.induce import induce_command
from alchemist.cli.init import init_command
from alchemist.cli.plan import plan_command
from alchemist.cli.predict import predict_command
from alchemist.cli.programs import programs_app
from alchemist.cli.prompts import prompts_app
from alchemist.cli.refine import refine_command
from alchemist.cli.run import run_command
from alchemist.cli.stress import stress_command
from alchemist.cli.synthesize import synthesize_command
from alchemist.cli.vote import vote_command

app = typer.Typer(
    name="alchemist",
    help="Label data with programs a language model writes, instead of a model call per row.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_COMMANDS: dict[str, Callable[..., None]] = {
    "demo": demo_command,
    "init": init_command,
    "concepts": concepts_command,
    "baselines": baselines_command,
    "plan": plan_command,
    "run": run_command,
    "synthesize": synthesize_command,
    "refine": refine_command,
    "vote": vote_command,
    "aggregate": aggregate_command,
    "distill": distill_command,
    "evaluate": evaluate_command,
    "predict": predict_command,
    "explain": explain_command,
    "induce": induce_command,
    "costs": costs_command,
    "forecast": forecast_command,
    "annotate": annotate_command,
    "stress": stress_command,
    "doctor": doctor_command,
}
for _name, _command in _COMMANDS.items():
    app.command(_name)(_command)
app.add_typer(programs_app, name="programs")
app.add_typer(prompts_app, name="prompts")


def spelled_out(words: list[str]) -> list[str]:
    """`programs DIR` is short for `programs report DIR`."""
    known = {command.name for command in programs_app.registered_commands} | {"-h", "--help"}
    if words[:1] == ["programs"] and len(words) > 1 and words[1] not in known:
        return ["programs", "report", *words[1:]]
    return words


def _version(*, show: bool) -> None:
    if show:
        from alchemist import __version__

        print(f"alchemist {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False,
        "--version",
        is_eager=True,
        help="Print the version.",
        callback=lambda show: _version(show=show),
    ),
) -> None:
    """Label data with programs a language model writes, instead of a model call per row."""
