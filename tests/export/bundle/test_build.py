from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.bundle.open import open_trusted_bundle
from edge.judges.linear.file import LinearModel, Term
from export.bundle.build import Built, build
from export.cache import Cache
from export.cli import main
from export.errors import BuildError, SpecError
from export.spec import read_spec
from firmware_config.board import Board
from tests.support.linear_models import linear_file
from tests.support.tiny_bundle import everything_below, is_one_sentence
from tests.support.tiny_spec import write_spec

BOARD = Board(name="test", providers=("cpu",), threads=1)


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    return write_spec(tmp_path / "spec")


def built(spec: Path, work: Path, *, out: str = "bundle", archive: bool = False) -> Built:
    return build(
        read_spec(spec),
        out=work / out,
        key=work / "keys" / "builder.key",
        cache=Cache(work / "cache"),
        archive=archive,
        board=BOARD,
        report=lambda _: None,
    )


def test_a_built_bundle_opens_on_a_device_and_verifies(spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = built(spec, tmp_path, archive=True)

    bundle = open_trusted_bundle(made.root, keys=tmp_path / "keys")
    manifest = bundle.manifest
    assert (bundle.digest, manifest.name, manifest.bundle_version, manifest.notice) == (made.digest, "tiny", 3, "For tests only.")
    assert [golden.picture for golden in manifest.golden] == ["golden/one.png", "golden/two.png"]
    assert {golden.label for golden in manifest.golden} <= {"good", "bad"}
    assert manifest.parity["clip_image_cosine_int8"] > 0.99
    assert {file.licence for file in manifest.files} == {"Apache-2.0"}
    sbom = json.loads((bundle.root / "sbom.json").read_bytes())
    assert "llm/model.gguf" in {component["name"] for component in sbom["components"]}
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]

    for proven in (made.root, made.archive):
        assert main(["verify", str(proven), "--keys", str(tmp_path / "keys")]) == 0
        assert "files and 2 golden verdicts (0 NOT as expected)" in capsys.readouterr().out


def test_the_same_inputs_and_key_give_the_same_digest(spec: Path, tmp_path: Path) -> None:
    one = built(spec, tmp_path)
    shutil.rmtree(tmp_path / "cache")
    other = built(spec, tmp_path, out="again")

    assert one.digest == other.digest
    assert everything_below(one.root) == everything_below(other.root)


@pytest.mark.parametrize("name", ["clip/vision.onnx", "llm/model.gguf", "golden/one.png", "manifest.json"])
def test_one_flipped_byte_is_refused_in_one_sentence(spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    made = built(spec, tmp_path)
    raw = bytearray((made.root / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (made.root / name).write_bytes(raw)

    assert main(["verify", str(made.root), "--keys", str(tmp_path / "keys")]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert is_one_sentence(said.strip().removeprefix("kotoba-export: "))
    assert str(made.root) in said


def test_a_failed_build_leaves_the_older_bundle_and_no_other_files(spec: Path, tmp_path: Path) -> None:
    made = built(spec, tmp_path)
    before = everything_below(made.root)
    (spec.parent / "golden" / "one.png").write_bytes(b"no picture")

    with pytest.raises(BuildError, match=r"golden picture golden/one\.png gives FAULT \(unreadable\): picture one\.png is no picture"):
        built(spec, tmp_path)

    assert everything_below(made.root) == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_folder_that_is_no_bundle_is_not_overwritten(spec: Path, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "thesis.txt").write_text("years of work")
    with pytest.raises(BuildError, match="exists and is no bundle"):
        built(spec, tmp_path)
    assert (tmp_path / "bundle" / "thesis.txt").read_text() == "years of work"


def _without(name: str) -> Callable[[Path], object]:
    return lambda root: (root / name).unlink()


def _station(old: str, new: str) -> Callable[[Path], object]:
    def change(root: Path) -> None:
        station = root / "golden" / "station.toml"
        station.write_text(station.read_text().replace(old, new) if old else station.read_text() + new)

    return change


def _no_pictures(root: Path) -> None:
    for picture in (root / "golden").glob("*.png"):
        picture.unlink()


UNFIT: dict[str, tuple[Callable[[Path], object], str]] = {
    "an artefact is missing": (_without("artefacts/clip/tags.npy"), "which models.json names: make the artefacts again"),
    "no template": (_without("templates/default.txt"), "holds no template"),
    "no golden picture": (_no_pictures, "holds no picture"),
    "no golden station": (_without("golden/station.toml"), "cannot be read"),
    "no model": (_without("model.gguf"), "which is no file: give the path of a .gguf file"),
    "an unknown template": (_station("", '\n[judge]\ntemplate = "other"\n'), "uses the template 'other', there is default"),
    "an unknown adapter": (_station("", '\n[judge]\nadapter = "other"\n'), "uses the adapter 'other', there is none"),
    "an unknown linear judge": (
        _station("", '\n[judge]\nmethod = "linear"\nlinear = "other"\n'),
        "the golden station uses the linear judge 'other', there is none",
    ),
    "a label without decision": (_station('decision = "ng"', ""), "labels.1.decision: Field required"),
}


@pytest.mark.parametrize("unfit", UNFIT)
def test_parts_that_do_not_fit_together_are_refused_before_any_long_work(spec: Path, tmp_path: Path, unfit: str) -> None:
    change, said = UNFIT[unfit]
    change(spec.parent)
    with pytest.raises(SpecError) as caught:
        built(spec, tmp_path)
    assert said in str(caught.value)
    assert is_one_sentence(str(caught.value)), str(caught.value)
    assert not (tmp_path / "bundle").exists()
    assert not (tmp_path / "cache").exists()


def test_a_linear_judge_that_a_box_could_not_read_is_refused(spec: Path, tmp_path: Path) -> None:
    (spec.parent / "artefacts" / "judges").mkdir()
    (spec.parent / "artefacts" / "judges" / "words.json").write_text('{"schema": "kotoba.linear/1"}')
    with pytest.raises(BuildError, match=r"building bundle tiny: linear judge .*words\.json: labels: Field required") as caught:
        built(spec, tmp_path)
    assert is_one_sentence(str(caught.value))
    assert not (tmp_path / "bundle").exists()


def test_the_golden_verdicts_may_be_those_of_a_linear_judge(spec: Path, tmp_path: Path) -> None:
    artefacts = spec.parent / "artefacts"
    known = {word for word in (artefacts / "clip" / "tags.txt").read_text().split() if len(word) > 1}
    terms = {word: Term(idf=2.0, weights=(number % 3 - 1.0, 0.5)) for number, word in enumerate(sorted(known))}
    (artefacts / "judges").mkdir()
    model = LinearModel(labels=("good", "bad"), intercepts=(0.0, 0.0), terms=terms)
    (artefacts / "judges" / "words.json").write_bytes(linear_file(model))
    _station("", '\n[judge]\nmethod = "linear"\nlinear = "words"\n')(spec.parent)

    made = built(spec, tmp_path)

    assert main(["verify", str(made.root), "--keys", str(tmp_path / "keys")]) == 0
    assert {golden.label for golden in made.golden} <= {"good", "bad"}
