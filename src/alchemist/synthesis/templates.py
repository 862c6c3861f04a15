"""Prompts as template files, each of which a workspace may override by a file of its name."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alchemist.core.errors import BadTask, nearest_hint

if TYPE_CHECKING:
    from jinja2 import Environment


@dataclass(frozen=True)
class Templates:
    """Prompt templates by name.

    Attributes:
        texts: Jinja2 sources.
        overridden: Names that come from the workspace.
    """

    texts: Mapping[str, str]
    overridden: tuple[str, ...] = ()

    @cached_property
    def _environment(self) -> "Environment":
        from jinja2 import DictLoader, StrictUndefined
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        return ImmutableSandboxedEnvironment(
            loader=DictLoader({f"{name}.md": text for name, text in self.texts.items()}),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(self, name: str, facts: Mapping[str, Any]) -> str:
        """Fill in a template.

        Raises:
            BadTask: It does not exist, is no valid template, or uses a fact that is not there.
        """
        from jinja2 import TemplateError, TemplateNotFound, TemplateSyntaxError

        try:
            return self._environment.get_template(f"{name}.md").render(facts).strip() + "\n"
        except TemplateNotFound as error:
            raise BadTask(
                f"There is no prompt template {error.name!r}. "
                f"{nearest_hint(str(error.name), [f'{known}.md' for known in self.texts])}"
            ) from None
        except TemplateSyntaxError as error:
            raise BadTask(
                f"Prompt template {error.name!r}, line {error.lineno}: {error.message}."
            ) from None
        except TemplateError as error:
            raise BadTask(
                f"Prompt template '{name}.md' cannot be filled in: {error.message}."
            ) from None


def load_templates(folder: Path | None = None) -> Templates:
    """Our templates, with those of a workspace's prompts/ folder in place of ours.

    A file whose name starts with an underscore is one to include; any other has to carry the
    name of a template it replaces.

    Raises:
        BadTask: A file in the folder replaces nothing, or is not UTF-8.
    """
    ours = {
        entry.name.removesuffix(".md"): entry.read_text(encoding="utf-8")
        for entry in files("alchemist.synthesis").joinpath("prompts").iterdir()
        if entry.name.endswith(".md")
    }
    theirs = {} if folder is None else {p.stem: _text(p) for p in sorted(folder.glob("*.md"))}
    for name in theirs:
        if name not in ours and not name.startswith("_"):
            raise BadTask(
                f"prompts/{name}.md replaces no template of ours. {nearest_hint(name, ours)}"
            )
    return Templates({**ours, **theirs}, tuple(theirs))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadTask(
            f"prompts/{path.name} is not UTF-8 (byte {error.start}); save it as UTF-8."
        ) from None
