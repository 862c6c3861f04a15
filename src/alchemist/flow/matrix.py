"""Matrix: aggregate votes from elsewhere, without a workspace."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alchemist.core.errors import BadVotes, InputError
from alchemist.core.labels import Labels
from alchemist.core.patterns import PatternCounts
from alchemist.core.votes import MISSING, Votes
from alchemist.label_models import LABEL_MODELS

if TYPE_CHECKING:
    import pyarrow as pa

READS = (".npz", ".npy", ".parquet", ".csv")
WRITES = (".npz", ".parquet", ".csv")


@dataclass(frozen=True, slots=True)
class MatrixReport:
    """What was labeled: rows, covered ones, programs, and by which model."""

    n_rows: int
    covered: int
    n_programs: int
    label_model: str


@dataclass(frozen=True, slots=True, eq=False)
class _Matrix:
    votes: Votes
    ids: "pa.Array | None"
    classes: tuple[str, ...]


def aggregate_file(path: Path, out: Path, n_classes: int | None, label_model: str) -> MatrixReport:
    """Label a vote matrix from a file and write the labels.

    Args:
        path: .npz or .npy with one (n, m) matrix, or .parquet / .csv with one column per
            program and perhaps `id`; -1 abstains, null (NaN) is no answer.
        out: .npz (proba, covered, label), .parquet or .csv.
        n_classes: k; from the file's classes, or the highest vote + 1, when None.
        label_model: Which one.

    Raises:
        BadVotes: The file holds no vote matrix.
        InputError: A suffix we do not know.
    """
    if out.suffix not in WRITES:
        raise InputError(f"{out} must end in {', '.join(WRITES)}.")
    matrix = _read(path, n_classes)
    model = LABEL_MODELS.load(label_model)()
    labels = model.fit(PatternCounts.of(matrix.votes)).predict(matrix.votes)
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".npz":
        np.savez(out, proba=labels.proba, covered=labels.covered, label=labels.best)
    else:
        _write_table(out, matrix, labels)
    return MatrixReport(
        len(labels), int(labels.covered.sum()), matrix.votes.matrix.shape[1], label_model
    )


def _read(path: Path, n_classes: int | None) -> _Matrix:
    if not path.is_file():
        raise BadVotes(f"There is no file {path}.")
    if path.suffix not in READS:
        raise InputError(f"{path} must end in {', '.join(READS)}.")
    try:
        return (
            _read_table(path, n_classes)
            if path.suffix in READS[2:]
            else _read_array(path, n_classes)
        )
    except BadVotes as error:
        raise BadVotes(f"{path}: {error}") from None
    except (ValueError, OSError, KeyError) as error:
        raise BadVotes(f"{path} cannot be read as a vote matrix: {error}.") from None


def _read_array(path: Path, n_classes: int | None) -> _Matrix:
    with path.open("rb") as file:
        head = file.read(6)
    if not head.startswith((b"\x93NUMPY", b"PK")):
        raise BadVotes("it is no NumPy file, whatever its name says.")
    found: Any = np.load(path, allow_pickle=False)
    if path.suffix == ".npz":
        with found as arrays:
            flat = [arrays[name] for name in arrays.files if arrays[name].ndim == 2]
        if len(flat) != 1:
            raise BadVotes(f"it must hold one array of two dimensions, not {len(flat)}.")
        found = flat[0]
    return _Matrix(Votes.from_matrix(found, n_classes), None, ())


def _read_table(path: Path, n_classes: int | None) -> _Matrix:
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    read = pa.parquet.read_table if path.suffix == ".parquet" else pa.csv.read_csv
    try:
        table = read(path)
    except pa.ArrowInvalid as error:
        raise BadVotes(f"it is damaged: {error}.") from None
    classes = tuple(json.loads((table.schema.metadata or {}).get(b"classes", b"[]")))
    ids = table.column("id").combine_chunks() if "id" in table.column_names else None
    names = [name for name in table.column_names if name != "id"]
    for name in names:
        if not pa.types.is_integer(table.schema.field(name).type):
            kind = table.schema.field(name).type
            raise BadVotes(f"column {name!r} holds {kind}; votes are whole numbers.")
    columns = [table.column(name).fill_null(MISSING).to_numpy().astype(np.int64) for name in names]
    matrix = np.stack(columns, axis=1) if columns else np.zeros((table.num_rows, 0), dtype=int)
    k = n_classes or len(classes) or max(2, int(matrix.max(initial=1)) + 1)
    return _Matrix(Votes(matrix, tuple(names), k), ids, classes if len(classes) == k else ())


def _write_table(out: Path, matrix: _Matrix, labels: Labels) -> None:
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    k = matrix.votes.n_classes
    names = matrix.classes or tuple(str(y) for y in range(k))
    best = pa.array(labels.best.astype(np.int32), mask=~labels.covered)
    columns: dict[str, Any] = {} if matrix.ids is None else {"id": matrix.ids}
    columns["label"] = pa.DictionaryArray.from_arrays(best, pa.array(names)).dictionary_decode()
    columns["covered"] = pa.array(labels.covered)
    columns["confidence"] = pa.array(labels.confidence)
    if out.suffix == ".parquet":
        offsets = np.arange(0, labels.proba.size + 1, k, dtype=np.int32)
        flat = pa.array(labels.proba.astype(np.float32).reshape(-1))
        columns["proba"] = pa.ListArray.from_arrays(offsets, flat)
        pa.parquet.write_table(pa.table(columns), out, compression="zstd")
        return
    for y, name in enumerate(names):
        columns[f"proba_{name}"] = pa.array(labels.proba[:, y])
    pa.csv.write_csv(pa.table(columns), out)
