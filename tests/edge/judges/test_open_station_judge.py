"""The judge that a station asks for, on a bundle whose language model has two layers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.bundle.open import Bundle, open_bundle
from edge.errors import BundleError
from edge.judges import open_station_judge
from edge.judges.llama import LlamaModel
from edge.judges.prompt import Prompt
from edge.judges.template import read_template
from firmware_config.board import Board
from firmware_config.calibration import FittedFor, labels_of, write_calibration
from firmware_config.errors import CalibrationError, StationError
from firmware_config.signature import generate_key, key_id, public_key
from firmware_config.station import Station, read_station
from tests.support.calibrations import calibration
from tests.support.sample_records import station, words
from tests.support.tiny_bundle import KEY, Files, as_json, is_one_sentence, manifest_of, sound_files, write
from tests.support.tiny_llama import TEMPLATE, write_llama

BOARD = Board(name="test", providers=("cpu",), threads=1)
TEMPERATURES = [{"adapter": None, "template": "default", "temperature": 2.0}]


def signed_bundle(root: Path, *, key: bytes = KEY, version: int = 3, changed: Files | None = None, seed: int = 0) -> Bundle:
    """A bundle that judges, signed with `key`; `changed` replaces content of files, `seed` is of the language model's weights."""
    root.mkdir()
    write_llama(root / "model.gguf", seed=seed)
    files = {
        **sound_files(),
        "templates/default.txt": TEMPLATE.encode(),
        "templates/bad.txt": b"{labels}",
        "llm/model.gguf": (root / "model.gguf").read_bytes(),
        **(changed or {}),
    }
    (root / "model.gguf").unlink()
    manifest = manifest_of(files)
    manifest["templates"] |= {"bad": "templates/bad.txt"}
    manifest |= {"temperatures": TEMPERATURES, "bundle_version": version, "key_id": key_id(public_key(key))}
    write(root, files, as_json(manifest), key=key)
    return open_bundle(root, trusted={key_id(public_key(key)): public_key(key)})


def model_of(bundle: Bundle) -> LlamaModel:
    return LlamaModel(bundle.file("llm/model.gguf"), board=BOARD, context_tokens=bundle.manifest.llm.context_tokens)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return signed_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture(scope="module")
def model(bundle: Bundle) -> LlamaModel:
    return model_of(bundle)


def test_scores_name_method_adapter_and_instruction(bundle: Bundle, model: LlamaModel) -> None:
    scores = open_station_judge(model, bundle=bundle, station=station()).score(words())

    assert (scores.method, scores.calibrated, scores.adapter) == ("rank", True, None)
    assert scores.prompt == Prompt.parse(TEMPLATE, station().labels).digest


@pytest.mark.parametrize("judge", [{"method": "contextual"}, {"method": "generate"}, {"template_file": "templates/default.txt"}], ids=str)
def test_the_temperature_of_the_bundle_applies_only_to_what_it_was_fitted_on(
    bundle: Bundle, model: LlamaModel, judge: dict[str, Any]
) -> None:
    if "template_file" in judge:
        judge = {"template_file": bundle.root / judge["template_file"]}

    assert not open_station_judge(model, bundle=bundle, station=station(judge=judge)).score(words()).calibrated


@pytest.mark.parametrize("describe", [{"filter": True}, {"terms": [{"name": "crack", "also": ["fissure"]}]}], ids=str)
def test_the_temperature_of_the_bundle_does_not_apply_to_words_that_the_station_changes(
    bundle: Bundle, model: LlamaModel, describe: dict[str, Any]
) -> None:
    assert not open_station_judge(model, bundle=bundle, station=station(describe=describe)).score(words()).calibrated


def test_examples_change_the_instruction_and_the_temperature_no_longer_applies(bundle: Bundle, model: LlamaModel, tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text(TEMPLATE.replace("{description}", "{examples}{description}"), encoding="utf-8")
    own = station(judge={"template_file": tmp_path / "own.txt"})

    without, with_example = (
        open_station_judge(model, bundle=bundle, station=own, examples=examples).score(words())
        for examples in ((), [(words("x"), "crack")])
    )

    assert with_example.prompt_tokens > without.prompt_tokens
    assert with_example.prompt != without.prompt
    assert not with_example.calibrated


def test_scores_are_cached_only_where_lookups_are_observed(bundle: Bundle, model: LlamaModel) -> None:
    lookups: list[bool] = []
    cached = open_station_judge(model, bundle=bundle, station=station(), on_lookup=lookups.append)
    switched_off = open_station_judge(model, bundle=bundle, station=station(judge={"cached_scores": 0}), on_lookup=lookups.append)

    first, second = cached.score(words()), cached.score(words())

    assert lookups == [False, True]
    assert second is first
    assert switched_off.score(words()) == first
    assert lookups == [False, True]


def test_a_file_of_the_station_replaces_the_template_of_the_bundle(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("{labels}\n判定:{description}", encoding="utf-8")
    assert read_template(bundle, station(judge={"template_file": tmp_path / "own.txt"})) == "{labels}\n判定:{description}"


def calibrated_station(bundle: Bundle, path: Path, **sections: Any) -> Station:  # noqa: ANN401 -- sections of a station file
    """A station whose calibration, at `path`, was fitted for its own judge on this bundle."""
    made_for = station(**sections)
    fitted_for = FittedFor(
        models=bundle.manifest.models_digest,
        prompt=Prompt.parse(read_template(bundle, made_for), made_for.labels).digest,
        adapter=None,
        method="rank",
        describing=made_for.describing_digest,
        labels=labels_of(made_for.labels),
    )
    write_calibration(path, calibration(fitted_for.model_dump()))
    return station(**{**sections, "judge": {"calibration": path}})


def test_scores_name_the_calibration_of_the_station(bundle: Bundle, model: LlamaModel, tmp_path: Path) -> None:
    own = calibrated_station(bundle, tmp_path / "cell.json")
    judge = open_station_judge(model, bundle=bundle, station=own)

    scores = judge.score(words())

    assert scores.calibrated
    assert scores.calibration is not None
    assert scores.prediction_set
    assert judge.escape is not None
    assert judge.score_each([words()])[0].calibration == scores.calibration


def test_a_calibration_is_valid_for_the_same_models_under_another_key_and_version(bundle: Bundle, tmp_path: Path) -> None:
    own = calibrated_station(bundle, tmp_path / "cell.json")
    signed_again = signed_bundle(tmp_path / "again", key=generate_key(), version=4)

    scores = open_station_judge(model_of(signed_again), bundle=signed_again, station=own).score(words())

    assert signed_again.digest != bundle.digest
    assert scores == open_station_judge(model_of(bundle), bundle=bundle, station=own).score(words())
    assert scores.calibrated


OTHER_BUNDLES: dict[str, tuple[Callable[[Path], Bundle], str]] = {
    "another word list": (lambda root: signed_bundle(root, changed={"clip/tags.txt": b"stain\n"}), "for models sha256:"),
    "another captioner": (lambda root: signed_bundle(root, changed={"blip/tokenizer.json": b"{ }"}), "for models sha256:"),
    "another language model": (lambda root: signed_bundle(root, seed=1), "for models sha256:"),
    "another template": (
        lambda root: signed_bundle(root, changed={"templates/default.txt": TEMPLATE.replace("Answer:", "Label:").encode()}),
        "for instruction sha256:",
    ),
}


@pytest.mark.parametrize("case", OTHER_BUNDLES)
def test_a_calibration_for_another_bundle_is_refused(bundle: Bundle, tmp_path: Path, case: str) -> None:
    make, message = OTHER_BUNDLES[case]
    own, other = calibrated_station(bundle, tmp_path / "cell.json"), make(tmp_path / "other")

    with pytest.raises(CalibrationError, match=message) as caught:
        open_station_judge(model_of(other), bundle=other, station=own)
    assert is_one_sentence(str(caught.value))


OTHER_STATIONS: dict[str, tuple[dict[str, Any], str]] = {
    "labels in another order": ({"labels": [*station().model_dump()["labels"][::-1]]}, r"for labels good \(ok\), crack \(ng\)"),
    "another meaning of a label": (
        {"labels": [{"name": "good", "meaning": "no defect", "decision": "ok"}, *station().model_dump()["labels"][1:]]},
        "for instruction sha256:",
    ),
    "another number of tags": ({"describe": {"tags": 3}}, r"for words by \[describe\] and roi sha256:"),
    "another region of interest": ({"picture": {"roi": [[0, 0], [1, 0], [1, 1]]}}, r"for words by \[describe\] and roi sha256:"),
    "another method": ({"judge": {"method": "generate"}}, "for method rank, but the station judges with generate"),
}


@pytest.mark.parametrize("case", OTHER_STATIONS)
def test_a_calibration_for_another_station_is_refused(bundle: Bundle, model: LlamaModel, tmp_path: Path, case: str) -> None:
    sections, message = OTHER_STATIONS[case]
    own = calibrated_station(bundle, tmp_path / "cell.json")
    other = station(**{**sections, "judge": {**sections.get("judge", {}), "calibration": own.judge.calibration}})

    with pytest.raises(CalibrationError, match=message) as caught:
        open_station_judge(model, bundle=bundle, station=other)
    assert is_one_sentence(str(caught.value))


def test_camera_outputs_and_limits_do_not_touch_a_calibration(bundle: Bundle, model: LlamaModel, tmp_path: Path) -> None:
    own = calibrated_station(bundle, tmp_path / "cell.json")
    moved = station(
        camera={"kind": "folder", "path": "elsewhere"},
        outputs={"jsonl": {"path": "verdicts.jsonl"}},
        picture={"allow_printed_text": True},
        judge={"calibration": own.judge.calibration, "min_confidence": 0.9},
    )

    assert open_station_judge(model, bundle=bundle, station=moved).score(words()).calibrated


UNFIT: dict[str, tuple[dict[str, Any], str]] = {
    "no such template": ({"template": "long"}, "station cell-01 needs template 'long', bundle tiny has bad, default"),
    "no such adapter": ({"adapter": "cells"}, "station cell-01 needs adapter 'cells', bundle tiny has product"),
    "an adapter that is none": ({"adapter": "product"}, r"station cell-01, template default: adapter .*product\.gguf does not fit"),
    "a template without a slot": (
        {"template": "bad"},
        r"station cell-01, template bad: an instruction template must hold \{description\} once",
    ),
    "a file that is not there": (
        {"template_file": "none.txt"},
        r"instruction template none\.txt cannot be read \(No such file or directory\)",
    ),
    "a folder": ({"template_file": "tests"}, r"instruction template tests cannot be read \(it is a folder\)"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_a_station_that_the_bundle_cannot_serve_is_refused(bundle: Bundle, model: LlamaModel, case: str) -> None:
    judge, message = UNFIT[case]
    with pytest.raises(BundleError, match=message) as caught:
        open_station_judge(model, bundle=bundle, station=station(judge=judge))
    assert is_one_sentence(str(caught.value))


@pytest.mark.parametrize(
    ("content", "message"), [(b"\xff{labels}{description}", "is not UTF-8 text"), (b"x" * 100_001, "more than 100000 characters")]
)
def test_a_template_file_that_is_not_a_template_is_refused(bundle: Bundle, tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "own.txt").write_bytes(content)
    with pytest.raises(BundleError, match=message) as caught:
        read_template(bundle, station(judge={"template_file": tmp_path / "own.txt"}))
    assert is_one_sentence(str(caught.value))


def test_a_station_with_more_than_sixty_four_labels_is_refused(tmp_path: Path) -> None:
    labels = "".join(f'[[labels]]\nname = "label {i}"\ndecision = "ng"\n' for i in range(65))
    text = '[station]\nname = "a"\npath = "p"\n[camera]\nkind = "folder"\npath = "p"\n' + labels
    (tmp_path / "station.toml").write_text(text, encoding="utf-8")
    with pytest.raises(StationError, match=r"labels: .* at most 64 items") as caught:
        read_station(tmp_path / "station.toml")
    assert is_one_sentence(str(caught.value))
