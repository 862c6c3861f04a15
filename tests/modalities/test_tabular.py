"""Tables: the types of columns, what a prompt says of them, what programs and students get."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alchemist.core.errors import BadRows, BadTask
from alchemist.core.progress import Silent
from alchemist.core.task import Task
from alchemist.flow.describe import describe_task
from alchemist.flow.predict import predict
from alchemist.flow.run import run
from alchemist.modalities.tabular import SHOWN_FROM, Tabular
from alchemist.modalities.types import find_types
from alchemist.store.workspace import Workspace


def types_of(path: Path, text: str) -> dict[str, str]:
    path.write_text(text)
    header = text.partition("\n")[0].split(",")
    return find_types([path], header)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        pytest.param(["1", "-20", "+3"], "int", id="whole numbers"),
        pytest.param(["1", "", "NA"], "int", id="whole numbers and missing ones"),
        pytest.param(["1", "2.5", "1e-3"], "float", id="numbers"),
        pytest.param(["true", "False"], "bool", id="truth values"),
        pytest.param(["01234", "99999"], "text", id="codes with leading zeros"),
        pytest.param(["1", "two"], "text", id="mixed"),
        pytest.param(["", "."], "text", id="a dot is no number"),
        pytest.param(["", ""], "text", id="nothing"),
        pytest.param(["1" * 25], "float", id="more digits than an int holds"),
    ],
)
def test_in_a_csv_the_spelling_of_a_whole_column_decides(
    tmp_path: Path, values: list[str], kind: str
) -> None:
    text = "a,b\n" + "".join(f"{value},x\n" for value in values)
    assert types_of(tmp_path / "rows.csv", text) == {"a": kind, "b": "text"}


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        pytest.param(pa.array([1, 2]), "int", id="int"),
        pytest.param(pa.array([1.0, None, 3.0]), "int", id="ints that had to be float to lack one"),
        pytest.param(pa.array([1.0, float("nan")]), "int", id="the same, as frames write it"),
        pytest.param(pa.array([1.0, 3.0]), "float", id="whole floats that lack none"),
        pytest.param(pa.array([0.5, None]), "float", id="float"),
        pytest.param(pa.array([True, None]), "bool", id="bool"),
        pytest.param(pa.array(["1", "2"]), "text", id="text stays text where types are kept"),
        pytest.param(pa.array(["a", "b"]).dictionary_encode(), "text", id="dictionary"),
    ],
)
def test_a_typed_file_decides_by_its_types(tmp_path: Path, column: pa.Array, kind: str) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"a": column}), path)
    assert find_types([path], ["a"]) == {"a": kind}


def test_a_column_has_one_type_over_all_files(tmp_path: Path) -> None:
    for name, values in (("a.csv", "1\n2\n"), ("b.csv", "0.5\n")):
        (tmp_path / name).write_text("x\n" + values)
    assert find_types([tmp_path / "a.csv", tmp_path / "b.csv"], ["x"]) == {"x": "float"}


@given(st.lists(st.one_of(st.none(), st.integers(-(2**40), 2**40)), min_size=1, max_size=9))
def test_numbers_come_back_from_a_csv_as_they_went_in(
    tmp_path_factory: pytest.TempPathFactory, values: list[int | None]
) -> None:
    path = tmp_path_factory.mktemp("table") / "rows.csv"
    path.write_text("x,y\n" + "".join(f"{'' if v is None else v},a\n" for v in values))
    task = _task(path, inputs=("x", "y"))
    (batch,) = [b.rows for b in Tabular().read(task, path.parent)]
    assert batch.column("x").to_pylist() == values


def _task(path: Path, inputs: tuple[str, ...], **rows: Any) -> Task:
    from alchemist.store.task_file import check_task

    return check_task(
        {
            "name": "t",
            "instruction": "Decide.",
            "modality": "tabular",
            "classes": [{"name": "no"}, {"name": "yes"}],
            "rows": {"path": str(path), "inputs": list(inputs), **rows},
        }
    )


def test_a_value_that_is_not_of_its_type_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("age,job\n31,a\nabc,b\n")
    task = _task(path, ("age", "job"), types={"age": "int"})
    with pytest.raises(BadRows, match=r"row 2: 'abc' in column 'age' is no int\. Mend it, leave"):
        list(Tabular().read(task, tmp_path))


def test_a_type_the_task_names_wins_over_the_files(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("zip,n\n12345,1\n67890,2\n")
    task = _task(path, ("zip", "n"), types={"zip": "text", "n": "float"})
    (batch,) = [b.rows for b in Tabular().read(task, tmp_path)]
    assert batch.column("zip").to_pylist() == ["12345", "67890"]
    assert batch.schema.field("n").type == pa.float64()


@pytest.mark.parametrize(
    ("types", "complaint"),
    [
        pytest.param({"agge": "int"}, "'agge', which is no input. Did you mean 'age'", id="column"),
        pytest.param({"age": "integer"}, "rows.types.age = 'integer'", id="type"),
    ],
)
def test_types_of_a_task_are_checked(tmp_path: Path, types: dict[str, str], complaint: str) -> None:
    with pytest.raises(BadTask, match=complaint):
        _task(tmp_path / "rows.csv", ("age", "job"), types=types)


def test_what_no_program_can_be_given_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"a": [[1.0, 2.0]]}), path)
    with pytest.raises(BadRows, match="column 'a' holds list"):
        list(Tabular().read(_task(path, ("a",)), tmp_path))


def summary(tmp_path: Path, **columns: pa.Array) -> str:
    task = _task(tmp_path / "rows.csv", tuple(columns))
    return Tabular().summarise(task, [pa.RecordBatch.from_pydict(columns)])


def test_the_summary_tells_how_values_spread(tmp_path: Path) -> None:
    told = summary(
        tmp_path,
        age=pa.array([*range(100), None, None], pa.int64()),
        gain=pa.array([0.0] * 60 + [7.5] * 42),
        job=pa.array(["clerk"] * 60 + ["cook"] * 41 + ["spy"]),
    )
    assert '"age" (int): 4.95, 24.75, 49.5, 74.25, 94.05; None in 2% of the rows' in told
    assert '"gain" (float): 0, 0, 0, 7.5, 7.5; 0 in 59%' in told
    assert "\"job\" (str): 'clerk' 59%, 'cook' 40%, and 1 other values" in told


@given(st.integers(1, SHOWN_FROM - 1))
def test_a_rare_value_is_never_shown(tmp_path_factory: pytest.TempPathFactory, times: int) -> None:
    folder = tmp_path_factory.mktemp("table")
    told = summary(
        folder,
        job=pa.array(["clerk"] * 100 + ["canary"] * times),
        key=pa.array([f"canary{i}" for i in range(100 + times)]),
        pay=pa.array([1.0] * (99 + times) + [987654.0]),
    )
    assert "canary" not in told
    assert "987654" not in told


def test_a_student_gets_numbers_with_gaps_and_flags_for_texts() -> None:
    batch = pa.RecordBatch.from_pydict(
        {
            "n": pa.array([1, None], pa.int64()),
            "b": pa.array([True, False]),
            "t": pa.array(["a", None]),
        }
    )
    found = Tabular().features(batch, ["n", "b", "t"])
    np.testing.assert_array_equal(found[:, :2], [[1, 1], [np.nan, 0]])
    assert found[:, 2:].sum(axis=1).tolist() == [1, 0]


@pytest.fixture
def people(tmp_path: Path) -> Workspace:
    """A table whose gold follows from age and job."""
    root = tmp_path / "people"
    (root / "programs").mkdir(parents=True)
    lines = ["id,age,job,member,pay"]
    for i in range(120):
        age, job = 20 + i % 50, ("cook", "clerk", "")[i % 3]
        lines.append(
            f"p{i},{age},{job},{'true' if i % 2 else 'false'},{'yes' if age > 45 else 'no'}"
        )
    (root / "rows.csv").write_text("\n".join(lines) + "\n")
    (root / "task.toml").write_text(
        'schema = 1\nname = "people"\ninstruction = "Decide."\nmodality = "tabular"\n'
        '[[classes]]\nname = "no"\n[[classes]]\nname = "yes"\n'
        '[rows]\npath = "rows.csv"\ninputs = ["age", "job", "member"]\nid = "id"\ngold = "pay"\n'
    )
    programs = {
        "old": 'return "yes" if row["age"] > 45 else "no"',
        "young": 'return "no" if row["age"] <= 40 else None',
        "jobless": 'return "no" if row["job"] is None and row["age"] < 46 else None',
        "typed": (
            'ok = type(row["age"]) is int and type(row["member"]) is bool\n'
            '    return ("yes" if row["age"] > 45 else "no") if ok else None'
        ),
    }
    for name, body in programs.items():
        (root / "programs" / f"{name}.py").write_text(
            f'def label(row):\n    """{name.title()}."""\n    {body}\n'
        )
    return Workspace(root)


@pytest.mark.slow
def test_a_table_goes_the_whole_way(people: Workspace) -> None:
    run(people, people.task(), Silent())
    scores = json.loads((people.results / "metrics.json").read_bytes())["scores"]["all"]
    assert scores["typed"]["coverage"]["value"] == 1
    assert scores["label_model"]["accuracy"]["value"] == 1
    assert scores["student"]["accuracy"]["value"] > 0.9
    with (people.results / "labels.csv").open(newline="") as file:
        first = next(csv.DictReader(file))
    assert (first["id"], first["age"], first["label"]) == ("p0", "20", "no")


def test_the_prompt_carries_the_summary_and_no_row(people: Workspace) -> None:
    told = describe_task(people, people.task(), Silent())
    assert '"age" (int)' in told
    assert "p17" not in told


@pytest.mark.slow
def test_new_rows_are_read_with_the_types_of_the_old(people: Workspace, tmp_path: Path) -> None:
    run(people, people.task(), Silent())
    # Alone, this age would be taken for text and this job for a number.
    (tmp_path / "new.csv").write_text("age,job,member\n,1,true\n50,2,false\n")
    out = tmp_path / "out.parquet"
    predict(people, people.task(), tmp_path / "new.csv", out, Silent(), by="programs")
    assert pq.read_table(out).column("label").to_pylist() == [None, "yes"]
