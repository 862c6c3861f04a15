"""Demo: the main job on the bundled sample, with its recorded answers, and no key."""

import shutil
from importlib.resources import as_file, files
from pathlib import Path

from alchemist.core.errors import InputError
from alchemist.store.workspace import Workspace

# An ironic complaint: a row worth explaining.
EXAMPLE = "m003"


def make_demo(root: Path) -> Workspace:
    """Copy the sample, its task and its recorded answers into a folder.

    A folder that holds the demo already is used as it is, so a second run skips what is done.

    Raises:
        InputError: The folder holds something else.
    """
    workspace = Workspace(root)
    if workspace.task_path.exists():
        return workspace
    if root.exists() and any(root.iterdir()):
        raise InputError(f"{root} is not empty; name another folder: alchemist demo DIR.")
    try:
        with as_file(files("alchemist.flow") / "sample") as sample:
            shutil.copytree(sample, root, dirs_exist_ok=True)
    except OSError as error:
        raise InputError(f"{root} cannot be written: {error.strerror}.") from None
    return workspace
