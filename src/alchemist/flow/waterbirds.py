"""Waterbirds in its published folder layout, as an image task.

metadata.csv has a row per picture: img_filename, y (1 waterbird), place (1 water) and split
(0 train, 1 valid, 2 test). A table in our words is written beside it, since a row may name
pictures in the folder of its table alone.

Source: Sagawa et al., Distributionally Robust Neural Networks (ICLR 2020).
"""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Never

from alchemist.core.errors import BadRows, InputError, nearest_hint
from alchemist.core.files import write_atomically

METADATA, TABLE = "metadata.csv", "alchemist.csv"
CLASSES = ("landbird", "waterbird")
PLACES = ("land", "water")
SPLITS = ("train", "valid", "test")
INSTRUCTION = (
    "Decide whether the pictured bird is a waterbird or a landbird, without being misled by the "
    "background it is shown on."
)
SETTINGS: Mapping[str, Any] = {
    "metric": "worst_group:group",
    "classes": [
        {
            "name": "landbird",
            "description": "A bird that is neither a seabird nor a waterfowl, such as a songbird.",
        },
        {
            "name": "waterbird",
            "description": "A seabird or a waterfowl, such as a gull or a duck.",
        },
    ],
    "rows": {"evaluation_only": ["group"]},
    "concepts": {"extractor": "clip"},
}
_CODES = {"y": CLASSES, "place": PLACES, "split": SPLITS}


def waterbirds_table(folder: Path) -> Path:
    """Write alchemist.csv beside the metadata.csv of a Waterbirds folder.

    Returns:
        Its path; columns id, image, label, split, group (label/place).

    Raises:
        BadRows: There is no metadata.csv, or it is not that of Waterbirds.
        InputError: The folder cannot be written.
    """
    path = folder / METADATA
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except FileNotFoundError:
        raise BadRows(
            f"There is no {path}. Waterbirds is published as a folder with {METADATA} and a "
            "folder of pictures per species; name that folder as --data."
        ) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadRows(f"{path} cannot be read: {error}.") from None
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(("id", "image", "label", "split", "group"))
    for number, row in enumerate(rows, start=2):
        label, place, split = (_meaning(path, number, row, name) for name in _CODES)
        image = row.get("img_filename") or _lacks(path, row, "img_filename")
        table.writerow((row.get("img_id") or image, image, label, split, f"{label}/{place}"))
    try:
        write_atomically(folder / TABLE, out.getvalue().encode())
    except OSError as error:
        raise InputError(
            f"{folder / TABLE} cannot be written ({error.strerror}); copy the folder to where "
            "you may write, since a table lies beside the pictures it names."
        ) from None
    return folder / TABLE


def _meaning(path: Path, number: int, row: Mapping[str, str | None], name: str) -> str:
    code, meanings = row.get(name), _CODES[name]
    if code is None:
        _lacks(path, row, name)
    if code not in map(str, range(len(meanings))):
        known = ", ".join(f"{i} ({one})" for i, one in enumerate(meanings))
        raise BadRows(f"{path}, line {number}: {name} is {code!r}; Waterbirds knows {known}.")
    return meanings[int(code)]


def _lacks(path: Path, row: Mapping[str, str | None], name: str) -> Never:
    columns = [one for one in row if one]
    raise BadRows(f"{path} has no {name!r} here. {nearest_hint(name, columns)}")
