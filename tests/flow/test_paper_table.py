"""The paper's table by one command, on a tiny Waterbirds and a tiny CLIP."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from tests.concepts import tiny_models


def test_without_the_data_it_says_so_and_stops() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.bench_waterbirds"],
        capture_output=True,
        text=True,
        env={"PATH": ""},
        check=False,
    )
    assert ran.returncode == 1
    assert "Not run: this benchmark needs Waterbirds as it is published" in ran.stderr
    assert "ALCHEMIST_WATERBIRDS" in ran.stderr


@pytest.mark.slow
@pytest.mark.extra("encoder")
def test_the_table_has_every_way_of_labeling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("onnx", "onnxruntime", "tokenizers", "PIL"):
        pytest.importorskip(module)
    from PIL import Image

    from benchmarks import bench_waterbirds

    data = tmp_path / "data"
    data.mkdir()
    lines = ["img_id,img_filename,y,split,place,place_filename"]
    for i in range(48):
        y, split, place = i % 2, (i // 2) % 3, (i // 6) % 2
        shade = 40 + 150 * y + i
        held = io.BytesIO()
        Image.new("RGB", (8, 8), (shade, 90, 255 * place)).save(held, "PNG")
        (data / f"{i}.png").write_bytes(held.getvalue())
        lines.append(f"{i},{i}.png,{y},{split},{place},x")
    (data / "metadata.csv").write_text("\n".join(lines) + "\n")
    model = tiny_models.pair(tmp_path / "clip")
    colours = bench_waterbirds.CONCEPTS.read_text().replace("bird", "red").replace("duck", "blue")
    worded = tmp_path / "concepts.toml"
    worded.write_text(colours.replace('"a large, heavy red"', '"blue"'))
    monkeypatch.setattr(bench_waterbirds, "CONCEPTS", worded)

    workspace = bench_waterbirds.prepare(tmp_path / "task", data, model)
    rows = list(bench_waterbirds.measure(workspace))

    assert [row["what"] for row in rows] == [
        "zero_shot",
        "group_prompting",
        "programs, label model",
        "programs, with student",
    ]
    for row in rows:
        assert row["n"] == 16
        assert row["gap"] == pytest.approx(row["accuracy"] - row["worst_group"], abs=2e-4)
