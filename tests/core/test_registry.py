import pytest

from alchemist.core.errors import MissingExtra, UnknownName
from alchemist.core.registry import Entry, Registry

TABLE: Registry[object] = Registry(
    kind="toy",
    group="alchemist.tests_of_the_registry",
    ours={
        "here": Entry("alchemist.core.votes:Votes"),
        "away": Entry("nowhere.at_all:Thing", extra="toys", needs=("no_such_module_anywhere",)),
    },
)


def test_names_are_sorted_and_import_nothing() -> None:
    assert list(TABLE) == ["away", "here"]


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"no toy called 'hree'\. Did you mean 'here'\?"):
        TABLE.load("hree")


def test_a_missing_extra_is_answered_with_the_command() -> None:
    with pytest.raises(MissingExtra, match=r"pip install 'alchemist-label\[toys\]'"):
        TABLE.load("away")
