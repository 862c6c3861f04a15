"""Providers: who answers requests to a language model.

One file per service. A provider asks once and says plainly how it went; retries, cache, budget
and ledger live in one runner around it (`runner.py`). To add one, write a module beside this
file and give it a line in PROVIDERS.
"""

from alchemist.core.contracts import Provider
from alchemist.core.registry import Entry, Registry

PROVIDERS: Registry[Provider] = Registry(
    kind="provider",
    group="alchemist.providers",
    ours={
        "anthropic": Entry(
            "alchemist.providers.anthropic:Anthropic", extra="anthropic", needs=("anthropic",)
        ),
        "openai": Entry("alchemist.providers.openai:OpenAI"),
        "replay": Entry("alchemist.providers.replay:Replay"),
    },
)
