"""Off: programs that are set aside with a reason; none is run, none is lost.

They lie in programs/off; moving a file back turns its program on again.
"""

from collections.abc import Mapping

from alchemist.core.clock import utc_now
from alchemist.core.files import append_lines, read_lines, write_atomically
from alchemist.core.program import Program, parse_program, render_program
from alchemist.store.program_files import load_programs
from alchemist.store.workspace import Workspace

FOLDER = "off"


def turned_off(workspace: Workspace) -> tuple[Program, ...]:
    """The programs set aside, by name."""
    return tuple(
        parse_program(path.stem, path.read_text(encoding="utf-8-sig", errors="replace"))
        for path in sorted((workspace.programs / FOLDER).glob("*.py"))
    )


def turn_off(workspace: Workspace, reasons: Mapping[str, str], who: str) -> None:
    """Set programs aside by name, and say why in events.jsonl."""
    events = []
    for program in load_programs(workspace):
        if program.name not in reasons:
            continue
        text = render_program(program).encode("utf-8", "surrogatepass")
        write_atomically(workspace.programs / FOLDER / f"{program.name}.py", text)
        (workspace.programs / f"{program.name}.py").unlink()
        events.append(
            {
                "time": utc_now(),
                "who": who,
                "what": "program.off",
                "program": program.name,
                "id": program.id,
                "idea": program.description,
                "reason": reasons[program.name],
            }
        )
    if events:
        append_lines(workspace.events, events)


def why_off(workspace: Workspace, who: str) -> tuple[str, ...]:
    """Ideas of programs that `who` turned off, each with its reason, the newest first."""
    lines = read_lines(workspace.events).records
    return tuple(
        f"{line['idea'] or line['program']} ({line['reason']})"
        for line in reversed(lines)
        if line.get("what") == "program.off" and line.get("who") == who
    )
