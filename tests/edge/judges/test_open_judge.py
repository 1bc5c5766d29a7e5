"""The judge that a station asks for, on a bundle whose language model has two layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge.bundle.open import Bundle
from edge.errors import BundleError
from edge.judges import open_judge, open_plain_judge, template_of
from edge.judges.llama import LlamaModel
from edge.judges.prompt import Prompt
from firmware_config.board import Board
from firmware_config.bundle import Manifest
from firmware_config.errors import StationError
from firmware_config.station import read_station
from tests.support.sample_records import description, station
from tests.support.tiny_bundle import is_one_sentence, manifest_of, sound_files
from tests.support.tiny_llama import TEMPLATE, write_llama

CALIBRATION = [{"adapter": None, "template": "default", "temperature": 2.0}]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    root = tmp_path_factory.mktemp("bundle")
    files = {**sound_files(), "templates/default.txt": TEMPLATE.encode(), "templates/bad.txt": b"{labels}"}
    manifest = manifest_of(files)
    manifest["templates"] |= {"bad": "templates/bad.txt"}
    manifest["calibration"] = CALIBRATION
    for name in ("templates/default.txt", "templates/bad.txt", "llm/adapters/product.gguf"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(files[name])
    write_llama(root / "llm/model.gguf")
    return Bundle(root, Manifest.model_validate(manifest), "sha256:tiny")


@pytest.fixture(scope="module")
def model(bundle: Bundle) -> LlamaModel:
    board = Board(name="test", providers=("cpu",), threads=1)
    return LlamaModel(bundle.path("llm/model.gguf"), board=board, context_tokens=bundle.manifest.llm.context_tokens)


def test_scores_say_how_they_came_about(bundle: Bundle, model: LlamaModel) -> None:
    scores = open_judge(model, bundle=bundle, station=station()).score(description())

    assert (scores.method, scores.calibrated, scores.adapter) == ("rank/sum/words", True, None)
    assert scores.prompt == Prompt.parse(TEMPLATE, station().labels).digest


@pytest.mark.parametrize(
    "judge",
    [
        {"score": "mean"},
        {"score": "contextual"},
        {"method": "generate"},
        {"answers": "letters"},
        {"template_file": "templates/default.txt"},
    ],
    ids=str,
)
def test_the_temperature_of_the_bundle_is_for_what_it_was_fitted_on_only(bundle: Bundle, model: LlamaModel, judge: dict[str, Any]) -> None:
    if "template_file" in judge:
        judge = {"template_file": bundle.root / judge["template_file"]}

    assert not open_judge(model, bundle=bundle, station=station(judge=judge)).score(description()).calibrated


@pytest.mark.parametrize("describe", [{"filter": True}, {"terms": [{"name": "crack", "also": ["fissure"]}]}], ids=str)
def test_the_temperature_of_the_bundle_is_not_for_words_that_the_station_changes(
    bundle: Bundle, model: LlamaModel, describe: dict[str, Any]
) -> None:
    assert not open_judge(model, bundle=bundle, station=station(describe=describe)).score(description()).calibrated


def test_examples_are_read_and_make_the_temperature_void(bundle: Bundle, model: LlamaModel, tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text(TEMPLATE.replace("{description}", "{examples}{description}"), encoding="utf-8")
    own = station(judge={"template_file": tmp_path / "own.txt"})

    plain, taught = (
        open_plain_judge(model, bundle=bundle, station=own, examples=some).score(description())
        for some in ((), [(description("x"), "crack")])
    )

    assert taught.prompt_tokens > plain.prompt_tokens
    assert taught.prompt != plain.prompt
    assert not taught.calibrated


def test_a_file_of_the_station_replaces_the_template_of_the_bundle(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("{labels}\n判定:{description}", encoding="utf-8")
    assert template_of(bundle, station(judge={"template_file": tmp_path / "own.txt"})) == "{labels}\n判定:{description}"


UNFIT: dict[str, tuple[dict[str, Any], str]] = {
    "no such template": ({"template": "long"}, "station cell-01 asks for template 'long', bundle tiny has bad, default"),
    "no such adapter": ({"adapter": "cells"}, "station cell-01 asks for adapter 'cells', bundle tiny has product"),
    "an adapter that is none": ({"adapter": "product"}, r"station cell-01, template default: adapter .*product\.gguf does not fit"),
    "a template without a slot": (
        {"template": "bad"},
        r"station cell-01, template bad: an instruction template must hold \{description\} once",
    ),
    "a file that is not there": (
        {"template_file": "none.txt"},
        r"instruction template none\.txt cannot be read \(No such file or directory\)",
    ),
    "a folder": ({"template_file": "tests"}, r"instruction template tests cannot be read \(Is a directory\)"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_what_the_station_asks_for_and_cannot_have_is_refused(bundle: Bundle, model: LlamaModel, case: str) -> None:
    judge, said = UNFIT[case]
    with pytest.raises(BundleError, match=said) as caught:
        open_judge(model, bundle=bundle, station=station(judge=judge))
    assert is_one_sentence(str(caught.value))


@pytest.mark.parametrize(("content", "said"), [(b"\xff{labels}{description}", "is not UTF-8 text"), (b"x" * 100_001, "more than 100000")])
def test_a_template_file_that_is_no_template_is_refused(bundle: Bundle, tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "own.txt").write_bytes(content)
    with pytest.raises(BundleError, match=said) as caught:
        template_of(bundle, station(judge={"template_file": tmp_path / "own.txt"}))
    assert is_one_sentence(str(caught.value))


def test_more_than_sixty_four_labels_are_a_mistake_of_the_station(tmp_path: Path) -> None:
    labels = "".join(f'[[labels]]\nname = "label {i}"\ndecision = "ng"\n' for i in range(65))
    text = '[station]\nname = "a"\npath = "p"\n[camera]\nkind = "folder"\npath = "p"\n' + labels
    (tmp_path / "station.toml").write_text(text, encoding="utf-8")
    with pytest.raises(StationError, match=r"labels: .* at most 64 items") as caught:
        read_station(tmp_path / "station.toml")
    assert is_one_sentence(str(caught.value))


def test_a_score_of_rank_under_generate_is_a_mistake_of_the_station(tmp_path: Path) -> None:
    text = '[station]\nname = "a"\npath = "p"\n[camera]\nkind = "folder"\npath = "p"\n'
    text += '[[labels]]\nname = "good"\ndecision = "ok"\n[[labels]]\nname = "bad"\ndecision = "ng"\n[judge]\nmethod = "generate"\n'
    (tmp_path / "station.toml").write_text(text + 'score = "mean"\n', encoding="utf-8")
    with pytest.raises(StationError, match='score = "mean" is for method = "rank"') as caught:
        read_station(tmp_path / "station.toml")
    assert is_one_sentence(str(caught.value))
