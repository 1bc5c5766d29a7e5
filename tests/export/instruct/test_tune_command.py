"""`kotoba-export tune` on a text data set: the files, the target without its labels, and the mistakes of a user in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from export.cli import main
from export.instruct.on_dataset import Course, tune_dataset
from export.instruct.tuned import TuneSettings
from export.models.llm.adapter_file import base_of
from export.models.llm.gguf_weights import GgufWeights
from export.texts.dataset import TextDataset
from export.texts.describe import describe
from firmware_config.labels import Label
from tests.support.described_texts import ScriptedWorkers, job, write_tree
from tests.support.tiny_bundle import is_one_sentence
from tests.support.tiny_llama import write_llama

LABELS = (Label(name="intact", decision="ok"), Label(name="crack", decision="ng"))
STATION = """
[station]
name = "cell"
path = "plant/line"

[camera]
kind = "folder"
path = "."

[[labels]]
name = "intact"
decision = "ok"

[[labels]]
name = "crack"
decision = "ng"
"""


def silent(_: str) -> None:
    """Takes progress."""


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("llama") / "tiny.gguf"
    write_llama(path)
    return path


@pytest.fixture
def dataset(tmp_path: Path) -> TextDataset:
    pictures = write_tree(tmp_path / "pictures", count=6)
    return describe(job(pictures), tmp_path / "texts", workers=ScriptedWorkers(), report=silent)


def test_a_target_teaches_with_the_labels_that_the_judge_gives_it(dataset: TextDataset, gguf: Path, tmp_path: Path) -> None:
    settings = TuneSettings(steps=2, batch=4, rate=1e-2, check_every=2)
    course = Course(gguf, LABELS, settings, adapt_to=("line2",), rounds=1, confidence=None)

    done = tune_dataset(dataset, course, tmp_path / "out", report=silent)

    assert [len(rows) for rows in (done.sides.source, done.sides.validation, done.sides.target)] == [10, 2, 12]
    assert [(one.number, len(one.pseudo), one.tuned.examples) for one in done.rounds] == [(0, 0, 10), (1, 12, 22)]
    record = json.loads((tmp_path / "out" / "tuned.json").read_text())
    assert record["source"] == {"line1": {"crack": 5, "intact": 5}}
    assert record["target"] == {"line2": 12}
    assert sum(record["rounds"][1]["pseudo_labels"].values()) == 12
    assert done.adapter.read_bytes() == (tmp_path / "out" / record["rounds"][1]["adapter"]).read_bytes()
    assert base_of(done.adapter) == GgufWeights(gguf).fingerprint
    log: list[str] = []
    again = tune_dataset(dataset, course, tmp_path / "out", report=log.append)
    assert again.rounds == done.rounds
    assert not any("step" in line for line in log), "what is finished is not tuned again"


def test_the_command_writes_adapter_curve_and_record(
    dataset: TextDataset, gguf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "station.toml").write_text(STATION)
    out = tmp_path / "out"
    given = ["--model", str(gguf), "--station", str(tmp_path / "station.toml"), "--steps", "2", "--batch", "4", "--out", str(out)]

    assert main(["tune", str(dataset.folder), *given]) == 0

    assert sorted(path.name for path in out.iterdir()) == ["adapter.gguf", "curve.csv", "curve.png", "tuned.json", "work"]
    assert (out / "curve.csv").read_text().splitlines()[0] == "step,training_loss,validation_loss,validation_auroc"
    assert [line.split(",")[0] for line in (out / "curve.csv").read_text().splitlines()[1:]] == ["0", "2"]
    assert (out / "curve.png").read_bytes().startswith(b"\x89PNG")
    said = capsys.readouterr().out
    assert "learned from 20 rows, 4 for validation, 0 of the target" in said
    assert "s for 100 examples" in said


def test_a_target_of_which_the_judge_is_never_sure_is_said_to_have_taught_nothing(
    dataset: TextDataset, gguf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "station.toml").write_text(STATION)
    given = [
        "--model",
        str(gguf),
        "--station",
        str(tmp_path / "station.toml"),
        "--steps",
        "2",
        "--batch",
        "4",
        "--out",
        str(tmp_path / "out"),
    ]

    assert main(["tune", str(dataset.folder), *given, "--adapt-to", "line2", "--confidence", "1"]) == 0

    assert "no round 1: no picture of the target got a label, at --confidence 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--adapt-to", "poly"], "adapting to the domain 'poly': the data set has line1, line2"),
        (["--good", "crack"], "'crack' is 'ng' for the station, and --good says otherwise"),
        (["--confidence", "80"], "tuning with --confidence 80: give a value from 0 to 1"),
        (["--adapt-to", "line1", "--adapt-to", "line2"], "the training examples are 0 good and 0 defective"),
    ],
)
def test_a_mistake_is_one_sentence(
    options: list[str], message: str, dataset: TextDataset, gguf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "station.toml").write_text(STATION)
    given = ["--model", str(gguf), "--station", str(tmp_path / "station.toml"), "--out", str(tmp_path / "out")]

    assert main(["tune", str(dataset.folder), *given, *options]) == 78

    said = capsys.readouterr().err.strip().removeprefix("kotoba-export: ")
    assert message in said
    assert is_one_sentence(said)


def test_a_folder_that_is_no_data_set_is_named(gguf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "station.toml").write_text(STATION)

    assert (
        main(["tune", str(tmp_path), "--model", str(gguf), "--station", str(tmp_path / "station.toml"), "--out", str(tmp_path / "o")]) == 78
    )

    assert "it has no dataset.json" in capsys.readouterr().err
