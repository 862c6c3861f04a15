"""The language wall: fewer builtins, and modules that show public names only.

It keeps honest mistakes small and makes attacks harder to write. It is no boundary: Python
objects lead to each other in too many ways. The operating system's walls are the boundary.
"""

import builtins
import sys
import types
from collections.abc import Callable
from typing import Any

from . import quick_re


def words(text: str) -> frozenset[str]:
    """A set of names, written as one line of prose."""
    return frozenset(text.split())


ALLOWED_MODULES = words(
    "__future__ abc bisect calendar collections collections.abc copy dataclasses datetime decimal "
    "difflib enum fractions functools heapq html itertools json math numbers operator re "
    "statistics string textwrap typing unicodedata urllib.parse"
)

FRAME_ATTRIBUTES = words(
    "gi_frame gi_code gi_yieldfrom gi_running gi_suspended cr_frame cr_code cr_await cr_origin "
    "ag_frame ag_code ag_await f_back f_builtins f_code f_globals f_locals f_lasti f_lineno "
    "f_trace tb_frame tb_next tb_lasti tb_lineno co_code co_consts func_globals func_code "
    "with_traceback add_note mro"
)
CLOCK_ATTRIBUTES = words("now today utcnow fromtimestamp utcfromtimestamp")
FORMAT_ATTRIBUTES = words("format format_map vformat get_field")

BANNED_BUILTINS = words(
    "open input eval exec compile breakpoint globals locals vars dir help exit quit __import__ "
    "memoryview id hash delattr setattr copyright credits license aiter anext"
)
_BASE_EXCEPTIONS = words(
    "BaseException BaseExceptionGroup SystemExit KeyboardInterrupt GeneratorExit"
)

# Public names that run text as code, walk attributes by name, or reach files and frames.
_WITHHELD = {
    "operator": {"attrgetter", "methodcaller"},
    "typing": {"get_type_hints", "ForwardRef", "evaluate_forward_ref", "IO", "TextIO", "BinaryIO"},
    "dataclasses": {"make_dataclass"},
    "functools": {"singledispatch", "singledispatchmethod"},
    "json": {"load", "dump"},
    "decimal": {"getcontext", "setcontext", "localcontext", "Context", "DefaultContext",
                "BasicContext", "ExtendedContext"},
    "string": {"Formatter", "Template"},
    "re": {"purge", "template", "Scanner"},
    "enum": {"global_enum", "global_enum_repr", "global_flag_repr", "global_str", "EnumType",
             "EnumMeta", "property"},
    "copy": {"dispatch_table"},
    "abc": {"ABCMeta", "update_abstractmethods"},
    "urllib.parse": set(),
}  # fmt: skip


def facades(*, prefilter: str = "literals") -> dict[str, types.ModuleType]:
    """Stand-ins for the allowed modules, by name, without private names and inner modules.

    Args:
        prefilter: "none" for stock `re`, "literals" for quick_re, "re2" for quick_re with RE2.
    """
    import importlib

    made = {name: _facade(importlib.import_module(name), name) for name in sorted(ALLOWED_MODULES)}
    if prefilter != "none":
        made["re"] = quick_re.make(made["re"], linear=prefilter == "re2")
    made["collections"].abc = made["collections.abc"]  # type: ignore[attr-defined]
    package = types.ModuleType("urllib")
    package.parse = made["urllib.parse"]  # type: ignore[attr-defined]
    made["urllib"] = package
    for module in made.values():
        _undunder(module)
    return made


def _facade(module: types.ModuleType, name: str) -> types.ModuleType:
    stand_in = types.ModuleType(name)
    public = getattr(module, "__all__", None) or [n for n in dir(module) if not n.startswith("_")]
    for attribute in public:
        value = getattr(module, attribute, None)
        if attribute not in _WITHHELD.get(name, ()) and not isinstance(value, types.ModuleType):
            setattr(stand_in, attribute, value)
    return stand_in


def _undunder(module: types.ModuleType) -> None:
    for attribute in ("__loader__", "__spec__", "__package__", "__doc__"):
        module.__dict__.pop(attribute, None)


def safe_builtins(modules: dict[str, types.ModuleType]) -> dict[str, Any]:
    """What a program sees without importing anything."""
    kept = {
        name: value
        for name, value in vars(builtins).items()
        if not name.startswith("_") and name not in BANNED_BUILTINS | _BASE_EXCEPTIONS
    }
    kept.update(
        __build_class__=builtins.__build_class__,
        __import__=_importer(modules),
        __name__="builtins",
        getattr=_get,
        hasattr=_has,
        type=_GuardedType,
        print=_silent,
    )
    return kept


def _importer(modules: dict[str, types.ModuleType]) -> Callable[..., types.ModuleType]:
    def import_facade(
        name: str,
        _globals: object = None,
        _locals: object = None,
        fromlist: tuple[str, ...] = (),
        level: int = 0,
    ) -> types.ModuleType:
        if level or name not in modules:
            raise ImportError(f"a labeling program may not import {name!r}")
        return modules[name if fromlist else name.partition(".")[0]]

    return import_facade


def _hidden(name: object) -> bool:
    return (
        type(name) is not str
        or name.startswith("_")
        or name in FRAME_ATTRIBUTES
        or name in CLOCK_ATTRIBUTES
        or name in FORMAT_ATTRIBUTES
    )


def _get(value: Any, name: str, *default: Any) -> Any:
    if _hidden(name):
        raise AttributeError("a labeling program may not use an attribute of that name")
    return getattr(value, name, *default)


def _has(value: Any, name: str) -> bool:
    return not _hidden(name) and hasattr(value, name)


class _OneArgument(type):
    # isinstance(x, type) must go on working, so `type` stays a class.
    def __call__(cls, *values: Any) -> Any:
        if len(values) != 1:
            raise TypeError("type() takes one argument in a labeling program")
        return builtins.type(values[0])

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, builtins.type)


class _GuardedType(metaclass=_OneArgument):
    """`type` for asking, not for making classes."""


def _silent(*_values: object, **_options: object) -> None:
    """`print` that prints nothing."""


def preload() -> None:
    """Load and exercise what Python loads late: after the lock-down nothing can be opened."""
    import codecs
    import datetime as dt
    import html
    import statistics

    for codec in words(
        "ascii latin-1 utf-8 utf-8-sig utf-16 utf-16-le utf-16-be utf-32 cp1252 idna punycode "
        "unicode_escape raw_unicode_escape rot13"
    ):
        codecs.lookup(codec)
    dt.datetime.strptime("2020-01-01 Mon", "%Y-%m-%d %a")  # noqa: DTZ007
    dt.date(2020, 1, 1).strftime("%A %B")
    statistics.mean([1, 2])
    statistics.NormalDist(0, 1).inv_cdf(0.3)
    html.unescape("&amp;&eacute;")
    "straße".encode("idna")
    facades()
    sys.modules.setdefault("program", types.ModuleType("program"))
