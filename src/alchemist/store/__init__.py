"""The workspace on disk: the only room that knows where things lie in a task's folder."""

from alchemist.store.workspace import Workspace

__all__ = ["Workspace"]
