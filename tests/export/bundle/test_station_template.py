from __future__ import annotations

from pathlib import Path

import pytest

from edge.bundle.open import open_trusted_bundle
from edge.judges.prompt import Prompt
from export.bundle.build import Built, build
from export.cache import Cache
from export.errors import BuildError, SpecError
from export.spec import read_spec
from firmware_config.board import Board
from firmware_config.calibration import labels_of, write_calibration
from firmware_config.cli import main
from firmware_config.station import read_station
from tests.support.calibrations import calibration
from tests.support.station_files import station_toml
from tests.support.tiny_spec import write_spec

BOARD = Board(name="test", providers=("cpu",), threads=1)
TEMPLATE = station_toml("\n[describe]\ntags = 3\nattributes = 2\nsamples = 0\nmax_tokens = 4\n")
CALIBRATED = TEMPLATE + '\n[judge]\ncalibration = "cell.json"\n'


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """A specification that names a station template."""
    path = write_spec(tmp_path / "spec")
    path.write_text(path.read_text().replace('golden = "golden"', 'golden = "golden"\nstation = "station.toml"'))
    return path


def built(spec: Path, work: Path, template: str) -> Built:
    (spec.parent / "station.toml").write_text(template)
    return build(
        read_spec(spec), out=work / "bundle", key=work / "keys/builder.key", cache=Cache(work / "cache"), archive=False, board=BOARD,
        report=lambda _: None,
    )  # fmt: skip


def made_station(work: Path) -> Path:
    answers = ("--camera", str(work), "--path", "plant/line1", "--broker", "none", "--out", str(work / "cell.toml"))
    assert main(["new", "cell-01", "--bundle", str(work / "bundle"), "--keys", str(work / "keys"), *answers]) == 0
    return work / "cell.toml"


def test_a_template_travels_in_the_bundle_and_stations_are_made_from_it(spec: Path, tmp_path: Path) -> None:
    made = built(spec, tmp_path, TEMPLATE)
    assert open_trusted_bundle(made.root, keys=tmp_path / "keys").text("stations/default.toml") == TEMPLATE
    assert read_station(made_station(tmp_path)).describe.tags == 3
    (warning,) = made.warnings
    assert warning.startswith("station cell-01 can never say OK: [judge] names no adapter, and bundle tiny has no calibration for template")


def test_a_calibration_of_the_template_travels_with_it(spec: Path, tmp_path: Path) -> None:
    bundle = open_trusted_bundle(built(spec, tmp_path, TEMPLATE).root, keys=tmp_path / "keys")
    station = read_station(bundle.file("stations/default.toml"))
    template = bundle.text(bundle.manifest.templates["default"])
    judge = {
        "models": bundle.manifest.models_digest, "prompt": Prompt.parse(template, station.labels, examples=()).digest, "adapter": None,
        "describing": station.describing_digest, "labels": labels_of(station.labels),
    }  # fmt: skip
    write_calibration(spec.parent / "cell.json", calibration(judge))

    made = built(spec, tmp_path, CALIBRATED)

    assert made.warnings == ()
    assert read_station(made_station(tmp_path)).judge.calibration == made.root / "stations/cell.json"

    write_calibration(spec.parent / "cell.json", calibration({**judge, "prompt": "sha256:" + "9" * 64}))
    with pytest.raises(BuildError, match=r"the station template of bundle tiny: calibration .* was fitted for instruction"):
        built(spec, tmp_path, CALIBRATED)


UNFIT = {
    "an adapter that is not there": (
        '\n[judge]\nadapter = "cell"\n',
        SpecError,
        "the station template uses the adapter 'cell', there is none",
    ),
    "a template that is not there": (
        '\n[judge]\ntemplate = "long"\n',
        SpecError,
        "the station template uses the template 'long', there is",
    ),
    "a calibration that is not there": ('\n[judge]\ncalibration = "cell.json"\n', SpecError, "cell.json does not exist, which the station"),
    "lessons": ('\n[judge]\nlessons = "x.jsonl"\n', SpecError, "judge.lessons is x.jsonl, which no bundle holds"),
    "a misspelt key": ('\n[judge]\nadaptr = "cell"\n', SpecError, "judge.adaptr: there is no such key, the nearest is adapter"),
}


@pytest.mark.parametrize(("judge", "error", "complaint"), UNFIT.values(), ids=UNFIT)
def test_a_template_that_does_not_fit_is_refused_before_long_work(
    judge: str, error: type[Exception], complaint: str, spec: Path, tmp_path: Path
) -> None:
    with pytest.raises(error, match=complaint.replace("[", r"\[")):
        built(spec, tmp_path, TEMPLATE + judge)
    assert not (tmp_path / "bundle").exists()


def test_a_template_that_is_not_there_is_named(spec: Path, tmp_path: Path) -> None:
    spec.write_text(spec.read_text().replace("station.toml", "elsewhere.toml"))
    with pytest.raises(SpecError, match=r"station file .*elsewhere\.toml cannot be read"):
        built(spec, tmp_path, TEMPLATE)


def test_words_that_the_bundle_has_already_are_found_when_the_template_is_tried(spec: Path, tmp_path: Path) -> None:
    first = (spec.parent / "artefacts/clip/tags.txt").read_text(encoding="utf-8").splitlines()[0]
    with pytest.raises(BuildError, match="the station template of bundle tiny: adding words"):
        built(spec, tmp_path, TEMPLATE.replace("tags = 3", f'tags = 3\nextra_tags = ["{first}"]'))
