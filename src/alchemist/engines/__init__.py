"""Engines: where many programs × rows run.

To add one, write a module beside this file and give it a line in ENGINES. An engine is made
with a function that opens a sandbox; it never imports one.
"""

from alchemist.core.contracts import Engine
from alchemist.core.registry import Entry, Registry

ENGINES: Registry[Engine] = Registry(
    kind="engine",
    group="alchemist.engines",
    ours={"local": Entry("alchemist.engines.local:LocalEngine")},
)
