"""alchemist doctor: what this machine offers, and everything a bug report needs."""

import platform

from alchemist.cli.options import Json, console


def doctor_command(as_json: Json = False) -> None:
    """Say how safely programs run here and which versions are installed."""
    from importlib.metadata import PackageNotFoundError, version

    from alchemist import __version__
    from alchemist.sandbox import diagnose

    def installed(name: str) -> str:
        try:
            return version(name)
        except PackageNotFoundError:
            return "not installed"

    found = diagnose()
    facts = {
        "alchemist": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        **{name: installed(name) for name in ("numpy", "pyarrow", "scikit-learn", "openai")},
    }
    out = console(as_json=as_json)
    out.tell(f"Sandbox level: {found.level}. {found.why}")
    out.table(("fact", "value"), [(key, str(value)) for key, value in found.facts.items()])
    out.table(("package", "version"), list(facts.items()))
    out.document({"sandbox": found, "versions": facts})
