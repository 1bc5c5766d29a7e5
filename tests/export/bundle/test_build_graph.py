"""A bundle whose language model is a graph too: when it gets one, and on what the box then judges."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.bundle.open import Bundle, open_trusted_bundle
from edge.errors import BundleError
from edge.judges import open_language_model
from edge.judges.graph import GraphModel
from edge.judges.llama import LlamaModel
from export.bundle.build import Built, build
from export.cache import Cache
from export.cli import main
from export.progress import Report
from export.proof.figures import ProofError
from export.spec import read_spec
from firmware_config.board import Board
from tests.support.tiny_llama import write_llama
from tests.support.tiny_spec import write_spec

WITH = Board(name="test", providers=("cpu",), threads=1, llm_graph="int8")
WITHOUT = WITH.model_copy(update={"llm_graph": None})


def built(
    folder: Path,
    *,
    board: Board = WITH,
    llm: str = "",
    licences: str | None = None,
    stretched: bool = False,
    report: Report = lambda _: None,
) -> Built:
    spec = write_spec(folder / "spec")
    if stretched:
        write_llama(spec.parent / "model.gguf", stretched=True)
    text = spec.read_text().replace("[llm]\n", f"[llm]\n{llm}\n")
    if licences is not None:
        text = text.replace('files = ["*"]', licences)
    spec.write_text(text)
    return build(
        read_spec(spec),
        out=folder / "bundle",
        key=folder / "keys/builder.key",
        cache=Cache(folder / "cache"),
        archive=False,
        board=board,
        report=report,
    )


def opened(folder: Path) -> Bundle:
    return open_trusted_bundle(folder / "bundle", keys=folder / "keys")


def test_a_board_that_judges_on_its_processor_gets_a_graph_beside_the_gguf(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = built(tmp_path)
    bundle = opened(tmp_path)

    assert bundle.manifest.llm.graph == "llm/model.onnx"
    assert [(one.stage, one.kind, one.precision) for one in made.figures] == [
        ("judge.graph", "agreement", "int8"),
        ("judge.graph", "probability", "int8"),
    ]
    assert bundle.manifest.parity["judge_graph_probability_int8"] < 0.2
    assert isinstance(open_language_model(bundle, board=WITH), GraphModel)
    assert isinstance(open_language_model(bundle, board=WITHOUT), GraphModel), (
        "what a box was given counts, not what its board would ask for"
    )
    with pytest.raises(BundleError, match=r"puts layers on a GPU .* cannot use"):
        open_language_model(bundle, board=WITH.model_copy(update={"llm_gpu_layers": -1}))
    assert main(["verify", str(made.root), "--keys", str(tmp_path / "keys")]) == 0
    assert "files and 2 golden verdicts (0 NOT as expected)" in capsys.readouterr().out


def test_the_same_inputs_give_the_same_graph(tmp_path: Path) -> None:
    one, other = built(tmp_path / "one"), built(tmp_path / "other")

    assert (one.root / "llm/model.onnx").read_bytes() == (other.root / "llm/model.onnx").read_bytes()


@pytest.mark.parametrize(("board", "llm"), [(WITHOUT, ""), (WITH, 'graph = "none"')], ids=["the board", "the specification"])
def test_no_graph_is_made_where_the_board_or_the_specification_wants_none(tmp_path: Path, board: Board, llm: str) -> None:
    built(tmp_path, board=board, llm=llm)
    bundle = opened(tmp_path)

    assert bundle.manifest.llm.graph is None
    assert not (bundle.root / "llm/model.onnx").exists()
    assert isinstance(open_language_model(bundle, board=WITH), LlamaModel)


def test_the_specification_overrides_the_board(tmp_path: Path) -> None:
    assert {one.precision for one in built(tmp_path, board=WITHOUT, llm='graph = "fp32"').figures} == {"fp32"}


def test_a_graph_has_the_licence_of_its_gguf(tmp_path: Path) -> None:
    built(tmp_path, licences='files = ["llm/model.gguf"]\nlicence = "MIT"\norigin = "its maker"\n\n[[licences]]\nfiles = ["*"]')

    licences = {file.path: file.licence for file in opened(tmp_path).manifest.files}
    assert licences["llm/model.onnx"] == licences["llm/model.gguf"] == "MIT"


def test_a_graph_that_judges_differently_from_its_gguf_fails_the_build(tmp_path: Path) -> None:
    with pytest.raises(ProofError, match=r"worst judge\.graph \(probability .* in int8: try int8-full, fp32 or none as \[llm\] graph"):
        built(tmp_path, llm="limits = { probability = 0.0 }")
    assert not (tmp_path / "bundle").exists()


def test_a_model_that_cannot_be_a_graph_stays_with_llama_cpp(tmp_path: Path) -> None:
    progress: list[str] = []

    built(tmp_path, stretched=True, report=progress.append)

    assert opened(tmp_path).manifest.llm.graph is None
    assert any("the language model stays with llama.cpp, it cannot be a graph: it scales its rotary positions" in line for line in progress)
