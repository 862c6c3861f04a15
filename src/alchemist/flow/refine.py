"""Refine: find what the votes leave open, ask for programs that close it, keep what helps.

Nothing here looks at gold: which programs stay is decided by votes on held-out rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alchemist.core.clock import utc_now
from alchemist.core.errors import AlchemistError, InputError, NotReady
from alchemist.core.exchange import Expected
from alchemist.core.patterns import PatternCounts
from alchemist.core.program import Program
from alchemist.core.progress import Progress, Silent
from alchemist.core.task import Task
from alchemist.core.votes import Votes
from alchemist.flow.aggregate import class_balance, voted_rows
from alchemist.flow.gaps import find_gap, fitted_votes
from alchemist.flow.mend import mend, unparsed
from alchemist.flow.off import turn_off, turned_off, why_off
from alchemist.flow.pending import Pending, drop_pending, keep_pending, load_pending
from alchemist.flow.synthesize import check_ways_on, is_free, make_brief, task_runner
from alchemist.flow.vote import vote
from alchemist.label_models.held_out import Halves, Worth, worth
from alchemist.label_models.report import program_report
from alchemist.providers.calls import CallStore
from alchemist.providers.plan import Plan, plan_calls
from alchemist.providers.prices import PriceTable
from alchemist.providers.runner import Runner
from alchemist.store.program_files import load_programs, save_programs
from alchemist.store.run_records import digest, latest_run, recording
from alchemist.store.workspace import Workspace
from alchemist.synthesis.export import Exported, export_prompts
from alchemist.synthesis.harvest import Answered, harvest
from alchemist.synthesis.refining import OUTPUT_TOKENS, n_programs, refine_ask
from alchemist.synthesis.strategies import Ask, Brief, Step

WHO = "refine"
_SEED = 0
# Taking out a program has to gain this much on held-out rows: adding hardly ever harms.
_LEAST_GAIN = 0.002
_TOLD = 20


@dataclass(frozen=True, slots=True)
class RefineRound:
    """What one round bought.

    Attributes:
        number: Which round of this workspace, from 1.
        kept: Programs that stay.
        off: Programs that were turned off, with the reason.
        unused: Why pieces of the answer could not be used.
        before: Worth of the programs there were, on held-out rows.
        after: Worth with those kept.
        cost_usd: What it cost; None when a price is unknown.
    """

    number: int
    kept: tuple[str, ...]
    off: Mapping[str, str]
    unused: tuple[str, ...]
    before: Worth
    after: Worth
    cost_usd: float | None

    @property
    def paid(self) -> bool:
        """Whether anything was gained."""
        return bool(self.kept)


@dataclass(frozen=True, slots=True)
class RefineReport:
    """All rounds, and why there were no more."""

    rounds: tuple[RefineRound, ...]
    stopped: str = ""


@dataclass(slots=True)
class _Verdict:
    kept: list[str]
    off: dict[str, str]
    before: Worth
    after: Worth


def refine(workspace: Workspace, task: Task, rounds: int, progress: Progress) -> RefineReport:
    """Ask for programs that close the gap, up to so many times, while a round pays.

    An answer that was imported for a prompt of `prompts export --refine` is used before
    anything is asked.

    Raises:
        NotReady: There is no program yet.
        NoWayOn: There is nobody to ask; the message names the ways on.
    """
    if not load_programs(workspace):
        raise NotReady(f"There is no program yet. Run: alchemist synthesize {workspace.root}")
    if not _imported(workspace):
        check_ways_on(workspace, task)
    done: list[RefineRound] = []
    for _ in range(rounds):
        vote(workspace, task, progress)
        try:
            found = _round(workspace, task, progress)
        except AlchemistError as error:
            if not done:
                raise
            return RefineReport(tuple(done), f"Round {_next(workspace)} was not asked: {error}")
        done.append(found)
        if not found.paid:
            return RefineReport(tuple(done), f"Round {found.number} did not pay.")
    return RefineReport(tuple(done))


def plan_refining(workspace: Workspace, task: Task, rounds: int, progress: Progress) -> Plan:
    """What rounds of refining would cost; later ones are taken to be like the next.

    Raises:
        NotReady: Some program has not voted yet.
    """
    brief = make_brief(workspace, task, Silent())
    vote(workspace, task, progress)
    ask = _ask(workspace, task, brief, progress)
    n = n_programs(brief)
    low, likely, high = (n * tokens for tokens in OUTPUT_TOKENS)
    known = bool(_imported(workspace)) or CallStore(workspace.calls).find(ask.request) is not None
    return plan_calls(
        [Expected(ask.request, low, likely, high)] * (rounds - known),
        settings=task.synthesis,
        prices=PriceTable.read(workspace.root / "prices.toml"),
        free=is_free(workspace, task),
        cached=int(known),
    )


def export_refining(workspace: Workspace, task: Task, folder: Path, progress: Progress) -> Exported:
    """Write the prompt of the next round, to ask elsewhere.

    Raises:
        NotReady: There is no program, or some have not voted yet.
    """
    brief = make_brief(workspace, task, Silent())
    ask = _ask(workspace, task, brief, progress)
    drop_pending(workspace, load_pending(workspace, "refine"))
    keep_pending(workspace, [Pending(ask)])
    return export_prompts(Step((ask,), 0, 1, ()), folder, workspace.root)


def _round(workspace: Workspace, task: Task, progress: Progress) -> RefineRound:
    brief = make_brief(workspace, task, progress)
    number = _next(workspace)
    base = load_programs(workspace)
    answered, runner = _answer(workspace, task, brief, progress)
    with recording(workspace, "refine", {"programs": digest([one.id for one in base])}) as run:
        found = harvest(brief, [answered])
        known = {one.id for one in (*base, *turned_off(workspace))}
        save_programs(workspace, [one for one in found.programs if one.id not in known])
        cost = answered.cost_usd
        if runner is not None:
            fresh = _fresh(workspace, base)
            broken = [*fresh, *unparsed(workspace, found.rejected)]
            mended = mend(workspace, brief, runner, broken, task.synthesis.mend, progress)
            cost = None if cost is None or mended.cost_usd is None else cost + mended.cost_usd
        vote(workspace, task, progress)
        verdict = _judge(workspace, task, [one.name for one in base], progress)
        turn_off(workspace, verdict.off, WHO)
        report = RefineRound(
            number,
            tuple(verdict.kept),
            verdict.off,
            tuple(one.rejected.reason for one in found.rejected),
            verdict.before,
            verdict.after,
            cost,
        )
        run.facts.update(
            settings={"round": number, "prompt": answered.ask.request.hash},
            cost={"usd": cost},
            outputs={
                "kept": list(report.kept),
                "off": dict(report.off),
                "worth": [verdict.before.value, verdict.after.value],
            },
        )
    return report


def _judge(workspace: Workspace, task: Task, base: Sequence[str], progress: Progress) -> _Verdict:
    """Which of the new programs stay, by votes alone."""
    votes = fitted_votes(voted_rows(workspace, task, progress))
    balance = class_balance(task)
    kept = [name for name in votes.programs if name not in base]
    off = _useless(votes, kept)
    kept = [name for name in kept if name not in off]
    halves = Halves.of(votes, np.random.default_rng(_SEED))
    before = worth(halves.only(base), base, balance)
    verdict = _Verdict(kept, off, before, worth(halves.only([*base, *kept]), base, balance))
    _weed(verdict, halves, base, balance)
    if verdict.kept and verdict.after.value <= before.value:
        why = "the round as a whole made labels no better on held-out rows"
        verdict.off |= dict.fromkeys(verdict.kept, why)
        verdict.kept, verdict.after = [], before
    return verdict


def _useless(votes: Votes, new: Sequence[str]) -> dict[str, str]:
    """New programs that are out before they are weighed, with the reason."""
    off: dict[str, str] = {}
    for one in program_report(PatternCounts.of(votes)):
        if one.name not in new:
            continue
        near = [name for name in one.copies if name not in off]
        if not one.coverage:
            off[one.name] = "it never votes"
        elif one.below_chance:
            off[one.name] = "its votes are worse than blind ones"
        elif near:
            off[one.name] = f"it casts nearly the same votes as {near[0]}"
    return off


def _weed(
    verdict: _Verdict, halves: Halves, base: Sequence[str], balance: Sequence[float] | None
) -> None:
    """Take out, one by one, the program without which the others are worth most."""
    while len(verdict.kept) > 1:
        tried = {
            name: worth(
                halves.only([*base, *(one for one in verdict.kept if one != name)]), base, balance
            )
            for name in verdict.kept
        }
        worst = max(tried, key=lambda name: tried[name].value)
        if tried[worst].value < verdict.after.value + _LEAST_GAIN:
            return
        verdict.off[worst] = "labels are better without it on held-out rows"
        verdict.kept.remove(worst)
        verdict.after = tried[worst]


def _answer(
    workspace: Workspace, task: Task, brief: Brief, progress: Progress
) -> tuple[Answered, Runner | None]:
    """The answer to the next round: one that was imported, or one asked for now."""
    calls = CallStore(workspace.calls)
    for pending in _imported(workspace):
        stored = calls.find(pending.ask.request)
        if stored is not None:
            drop_pending(workspace, [pending])
            answered = Answered.of(
                pending.ask, stored.reply, provider=stored.provider, cost_usd=0.0, created=utc_now()
            )
            return answered, None
    check_ways_on(workspace, task)
    runner = task_runner(workspace, task, progress)
    ask = _ask(workspace, task, brief, progress)
    (call,) = runner.ask_blocking([ask.request])
    if call.reply is None:
        raise call.error or InputError("No answer came.")
    return (
        Answered.of(
            ask, call.reply, provider=runner.name, cost_usd=call.price_usd, created=utc_now()
        ),
        runner,
    )


def _ask(workspace: Workspace, task: Task, brief: Brief, progress: Progress) -> Ask:
    gap = find_gap(voted_rows(workspace, task, progress))
    return refine_ask(brief, gap, _next(workspace), why_off(workspace, WHO)[:_TOLD])


def _imported(workspace: Workspace) -> list[Pending]:
    calls = CallStore(workspace.calls)
    waiting = load_pending(workspace, "refine")
    return [one for one in waiting if calls.find(one.ask.request) is not None]


def _fresh(workspace: Workspace, base: Sequence[Program]) -> list[Program]:
    there = {one.name for one in base}
    return [one for one in load_programs(workspace) if one.name not in there]


def _next(workspace: Workspace) -> int:
    last = latest_run(workspace, "refine")
    return 1 if last is None else int(last.facts["settings"]["round"]) + 1
