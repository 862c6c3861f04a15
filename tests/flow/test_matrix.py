from pathlib import Path

import numpy as np
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from alchemist.core.errors import AlchemistError
from alchemist.flow.matrix import aggregate_file

L = np.array([[0, -1, 0], [1, 1, -1], [-1, -1, -1], [2, 2, 0]])


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".csv", ".parquet"])
@pytest.mark.parametrize("out", [".npz", ".csv", ".parquet"])
def test_any_vote_matrix_is_labeled(tmp_path: Path, suffix: str, out: str) -> None:
    file = tmp_path / f"votes{suffix}"
    if suffix == ".npz":
        np.savez(file, L=L)
    elif suffix == ".npy":
        np.save(file, L)
    else:
        table = pyarrow.table({"id": list("abcd"), **{f"p{j}": L[:, j] for j in range(3)}})
        write = pq.write_table if suffix == ".parquet" else pyarrow.csv.write_csv
        write(table, file)
    target = tmp_path / f"labels{out}"
    report = aggregate_file(file, target, 3, "majority_vote")
    assert (report.n_rows, report.covered, report.n_programs) == (4, 3, 3)
    if out == ".npz":
        with np.load(target) as found:
            assert found["label"][[0, 1, 3]].tolist() == [0, 1, 2]
            assert found["covered"].tolist() == [True, True, False, True]
    else:
        read = pq.read_table if out == ".parquet" else pyarrow.csv.read_csv
        labels = read(target).column("label").to_pylist()
        assert [str(x) for x in labels if x not in (None, "")] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        pytest.param("v.npz", b"no zip", "it is no NumPy file", id="damaged npz"),
        pytest.param("v.csv", b"p0\nx\n", "column 'p0' holds string", id="words for votes"),
        pytest.param("v.csv", b"p0\n9\n", "voted 9 on row 0", id="a class that is not there"),
        pytest.param("v.txt", b"", "must end in", id="unknown suffix"),
    ],
)
def test_a_file_without_votes_is_told(
    tmp_path: Path, name: str, content: bytes, complaint: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AlchemistError, match=complaint):
        aggregate_file(tmp_path / name, tmp_path / "out.csv", 3, "default")
