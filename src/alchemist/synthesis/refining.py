"""Refining: what the votes so far leave open, in words, and a prompt that asks to close it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from alchemist.core.exchange import Message, Request
from alchemist.synthesis.strategies import Ask, Brief, request_digest, task_facts

STRATEGY = "refine"
# A few broad programs close a gap; many small ones repeat what is there.
MOST_PROGRAMS = 6
# Large tables: answers run to 35,000 tokens.
OUTPUT_TOKENS = (1500, 4000, 7000)
_MOST_TOKENS = 48_000
_THIN = 0.75
_WORTH_TELLING = 0.005


@dataclass(frozen=True, slots=True)
class Voter:
    """A program as the next writer is told of it.

    Attributes:
        name: Its name.
        idea: First line of its docstring.
        coverage: Share of rows on which it votes.
        precision: Estimated share of right votes; None where unknown.
        below_chance: Its votes are worse than blind ones.
        copies: Programs that cast nearly the same votes.
    """

    name: str
    idea: str
    coverage: float
    precision: float | None = None
    below_chance: bool = False
    copies: tuple[str, ...] = ()

    @property
    def figures(self) -> str:
        """How it does, in words."""
        told = [f"speaks on {self.coverage:.0%} of rows"]
        if self.precision is not None:
            told.append(f"right about {self.precision:.0%}")
        return ", ".join(told)


@dataclass(frozen=True, slots=True)
class ClassGap:
    """One class in the votes: share of labels, votes per row labeled so, share left open."""

    name: str
    share: float
    votes_per_row: float
    undecided: float


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two classes for which programs vote on the same rows, and the share of such rows."""

    first: str
    second: str
    share: float


@dataclass(frozen=True, slots=True)
class TermList:
    """Terms of some rows, and which rows those are."""

    title: str
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """What votes leave open; terms and rows only as far as the task allows.

    Attributes:
        n_rows: Rows it was counted on.
        voters: The programs there are.
        silent: Share of rows no program speaks for.
        single: Share of rows one program alone speaks for.
        undecided: Share of rows without a clear label.
        classes: Every class.
        conflicts: Pairs of classes, the most frequent first.
        terms: Lists of terms.
        rows: Rows to quote.
    """

    n_rows: int
    voters: tuple[Voter, ...]
    silent: float
    single: float
    undecided: float
    classes: tuple[ClassGap, ...]
    conflicts: tuple[Conflict, ...]
    terms: tuple[TermList, ...] = ()
    rows: tuple[Mapping[str, str], ...] = ()

    def findings(self) -> list[str]:
        """The gap in sentences, the widest first."""
        told = [
            (
                f"No program speaks for {self.silent:.1%} of the rows, and one program alone for "
                f"another {self.single:.1%}."
            ),
            f"For {self.undecided:.1%} of the rows no class is clearly ahead.",
        ]
        told += [
            f'On {one.share:.1%} of the rows some vote "{one.first}" and others "{one.second}".'
            for one in self.conflicts
            if one.share >= _WORTH_TELLING
        ]
        told += self._of_classes()
        told += [
            f"{one.name} is right less often than blind votes would be."
            for one in self.voters
            if one.below_chance
        ]
        told += [
            f"{one.name} casts nearly the same votes as {', '.join(one.copies)}."
            for one in self.voters
            if one.copies and one.name < min(one.copies)
        ]
        return told

    def _of_classes(self) -> list[str]:
        usual = sum(one.votes_per_row for one in self.classes) / max(len(self.classes), 1)
        told = []
        for one in self.classes:
            thin = one.votes_per_row < _THIN * usual
            told.append(
                f'"{one.name}": {one.share:.0%} of the labels so far, {one.votes_per_row:.1f} '
                f"votes for it on such a row{', thin beside the others' if thin else ''}; "
                f"{one.undecided:.0%} of its rows are undecided."
            )
        return told


def refine_ask(brief: Brief, gap: Gap, number: int, tried: tuple[str, ...] = ()) -> Ask:
    """Ask for programs that close a gap.

    Args:
        brief: What prompts are made from.
        gap: What the votes leave open.
        number: Which round of refining, from 1.
        tried: Ideas of programs that were tried and not kept, with the reason.
    """
    facts = {
        **task_facts(brief),
        "programs": n_programs(brief),
        "programs_there": [
            {"name": one.name, "idea": one.idea or "no idea is named", "figures": one.figures}
            for one in gap.voters
        ],
        "tried": list(tried),
        "n_rows": f"{gap.n_rows:,}",
        "findings": gap.findings(),
        "terms": [asdict(one) for one in gap.terms],
        "rows": [dict(row) for row in gap.rows],
        "weighing": "",
        "only_class": "",
        "angle": "",
    }
    # Counts of votes tell of no row; terms and rows are declared, and go only by leave.
    holds = ["task", *(["terms"] if gap.terms else []), *(["rows"] if gap.rows else [])]
    request = Request(
        messages=(
            Message("system", brief.templates.render("system", facts)),
            Message("user", brief.templates.render("refine", facts)),
        ),
        model=brief.models[(number - 1) % len(brief.models)],
        temperature=brief.task.synthesis.temperature,
        max_tokens=_MOST_TOKENS,
        purpose="refine",
        holds=tuple(holds),
    )
    custom_id = f"refine-{number}-{request_digest(request)}"
    return Ask(custom_id, STRATEGY, "programs", number, 0, request)


def n_programs(brief: Brief) -> int:
    """How many programs a round asks for."""
    return min(brief.task.synthesis.programs_per_prompt, MOST_PROGRAMS)
