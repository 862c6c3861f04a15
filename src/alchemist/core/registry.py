"""Tables of implementations by name: listing them imports nothing, loading imports one.

A room keeps one Registry; other distributions add to it through an entry-point group of
the same name. Names are sorted when iterated.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Generic, TypeVar

from alchemist.core.errors import MissingExtra, UnknownName

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """Where an implementation lives.

    Attributes:
        path: "package.module:attribute".
        extra: The optional-dependency group it needs, if any.
        needs: Top-level modules that tell whether the extra is installed.
    """

    path: str
    extra: str | None = None
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Registry(Generic[T]):
    """Implementations of one contract, by name.

    Attributes:
        kind: What one of them is called in a sentence.
        group: Entry-point group through which other distributions add theirs.
        ours: The ones that ship with Alchemist.
    """

    kind: str
    group: str
    ours: Mapping[str, Entry] = field(default_factory=dict)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self.ours, *self._theirs()}))

    def __contains__(self, name: object) -> bool:
        return name in self.ours or name in self._theirs()

    def _theirs(self) -> dict[str, str]:
        return {point.name: point.value for point in entry_points(group=self.group)}

    def installed(self, name: str) -> bool:
        """Whether the optional packages of this entry are there."""
        entry = self.ours.get(name)
        return entry is None or all(find_spec(module) for module in entry.needs)

    def load(self, name: str) -> type[T]:
        """Import one implementation.

        Raises:
            UnknownName: Nothing has this name; the message offers the nearest.
            MissingExtra: Its optional packages are not installed; the message says how.
        """
        entry = self.ours.get(name)
        if entry is None:
            path = self._theirs().get(name)
            if path is None:
                raise UnknownName.among(self.kind, name, self)
            entry = Entry(path)
        module, _, attribute = entry.path.partition(":")
        if entry.extra is not None and not self.installed(name):
            raise MissingExtra.needed_by(self.kind, name, entry.extra)
        implementation: type[T] = getattr(import_module(module), attribute)
        return implementation
