"""Pictures that show no cell: the station of the starter bundle knows none of them, so none is OK."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from edge.bundle.open import Bundle, open_trusted_bundle
from edge.demo.cells import HELD_OUT_MONO, load_cells
from edge.demo.textiles import textile_paths
from edge.describers import open_vision_models
from edge.describers.clip_and_captioner import ClipAndCaptioner
from edge.errors import BundleError, EdgeError, FamiliarityError
from edge.familiarity.empty_scenes import SCENES
from edge.familiarity.memory import Memory
from edge.familiarity.open import open_memory
from edge.inspection.inspector import Inspector
from edge.inspection.open import open_inspectors
from edge.picture.decode import read_picture
from edge.picture.exposure import measure
from edge.records import Decision, Pixels, Reason
from firmware_config.board import read_board
from firmware_config.signed_bundle import SignedBundle
from firmware_config.station import Station
from firmware_config.station_template import read_template_station
from tests.support.repository import KEYS, STARTER
from tests.support.sample_records import frame
from tests.support.tiny_bundle import is_one_sentence

SEED = 77
EACH = 12


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return open_trusted_bundle(STARTER, keys=KEYS)


@pytest.fixture(scope="module")
def station(bundle: Bundle) -> Station:
    return read_template_station(SignedBundle(bundle.root, bundle.manifest))[0]


@pytest.fixture(scope="module")
def vision(bundle: Bundle) -> ClipAndCaptioner:
    models = open_vision_models(bundle, board=read_board("cpu"))
    assert isinstance(models, ClipAndCaptioner)
    return models


@pytest.fixture(scope="module")
def memory(bundle: Bundle, station: Station) -> Memory:
    found = open_memory(bundle, station)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def inspector(bundle: Bundle, station: Station) -> Inspector:
    (found,) = open_inspectors(bundle, [station], board=read_board("cpu"))
    return found


def coloured(grey: np.ndarray) -> Pixels:
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def scene(kind: str) -> list[Pixels]:
    rng = np.random.default_rng(SEED)
    return [coloured(SCENES[kind](300, 300, rng)) for _ in range(EACH)]


def textile() -> list[Pixels]:
    paths = textile_paths()
    return [read_picture(path) for path in paths[:: len(paths) // EACH]]


def checkers() -> list[Pixels]:
    rows, columns = np.mgrid[:300, :300]
    return [coloured(60 + 120 * ((rows // side + columns // side) % 2)) for side in range(4, 4 + EACH)]


def screws() -> list[Pixels]:
    pictures = []
    for size in range(20, 20 + 8 * EACH, 8):
        plate = np.full((300, 300), 90, np.float32)
        cv2.circle(plate, (150, 150), size, 200, -1, cv2.LINE_AA)
        cv2.line(plate, (150 - size // 2, 150), (150 + size // 2, 150), 60, 5, cv2.LINE_AA)
        pictures.append(coloured(plate + np.random.default_rng(size).normal(0, 2, plate.shape)))
    return pictures


def label_of_a_parcel() -> list[Pixels]:
    pictures = []
    for number in range(EACH):
        paper = np.full((300, 300), 230, np.uint8)
        for line in range(6):
            cv2.putText(paper, f"LOT {number} {line * 37}", (15, 45 + 45 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 20, 2)
        pictures.append(coloured(paper))
    return pictures


NO_CELLS = {kind: (lambda kind=kind: scene(kind)) for kind in SCENES} | {
    "woven textile": textile, "checkers": checkers, "screws": screws, "labels": label_of_a_parcel,
}  # fmt: skip


@pytest.mark.parametrize("kind", NO_CELLS)
def test_a_picture_without_a_cell_is_unfamiliar(kind: str, vision: ClipAndCaptioner, memory: Memory) -> None:
    degrees = [memory.familiarity(vision.features(pixels)).degree for pixels in NO_CELLS[kind]()]

    assert set(degrees) == {"unfamiliar"}


@pytest.mark.parametrize("kind", ["wall", "white", "vignette", "bars", "screws"])
def test_a_picture_without_a_cell_is_never_ok_nor_ng(kind: str, inspector: Inspector) -> None:
    verdicts = [inspector.inspect(frame(pixels=pixels)).verdict for pixels in NO_CELLS[kind]()[:4]]

    assert {verdict.decision for verdict in verdicts} <= {Decision.FAULT, Decision.REVIEW}
    assert all(verdict.decision is Decision.FAULT or verdict.reasons[0] is Reason.UNFAMILIAR for verdict in verdicts)


def test_cells_of_other_runs_are_no_strangers(vision: ClipAndCaptioner, memory: Memory) -> None:
    held_out = [cell for rows in HELD_OUT_MONO for cell in load_cells()[rows.start : rows.stop] if cell.material == "mono"]
    rows = [cell for cell in held_out if cell.probability == 0.0][::2]

    degrees = [memory.familiarity(vision.features(read_picture(cell.path))).degree for cell in rows]

    assert "unfamiliar" not in degrees
    assert degrees.count("new_condition") > len(degrees) / 2


def test_most_cells_that_are_turned_are_unfamiliar(vision: ClipAndCaptioner, memory: Memory) -> None:
    turned = [np.ascontiguousarray(np.rot90(read_picture(cell.path))) for cell in load_cells()[900:1600:35]]

    degrees = [memory.familiarity(vision.features(pixels)).degree for pixels in turned]

    assert "known" not in degrees


def test_the_distance_stands_in_the_words_of_the_message(inspector: Inspector) -> None:
    found = inspector.inspect(frame(pixels=read_picture(load_cells()[1000].path)))

    assert found.description is not None
    assert found.description.familiarity is not None
    assert found.description.familiarity.degree == "known"
    assert found.description.familiarity.distance > 0


def naming(station: Station, **familiarity: object) -> Station:
    return Station.model_validate(station.model_dump() | {"familiarity": familiarity})


def refused(bundle: Bundle, station: Station) -> str:
    with pytest.raises(EdgeError) as raised:
        open_inspectors(bundle, [station], board=read_board("cpu"))
    assert isinstance(raised.value, (BundleError, FamiliarityError))
    assert is_one_sentence(str(raised.value))
    return str(raised.value)


def test_a_memory_that_the_bundle_does_not_have_is_refused(bundle: Bundle, station: Station) -> None:
    assert "needs memory 'textile', bundle starter has starter" in refused(bundle, naming(station, memory="textile"))


def test_a_memory_for_another_region_of_interest_is_refused(bundle: Bundle, station: Station) -> None:
    half = station.picture.model_copy(update={"roi": ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0))})
    uncalibrated = station.with_judge({"calibration": None})

    assert "another region of interest" in refused(bundle, uncalibrated.model_copy(update={"picture": half}))


def test_a_memory_of_another_clip_is_refused(vision: ClipAndCaptioner, memory: Memory, station: Station) -> None:
    other = replace(memory, graph="sha256:" + "0" * 64)

    with pytest.raises(FamiliarityError, match="was learned with CLIP sha256:0"):
        vision.describer(station.describe, other)


def test_a_clip_without_features_of_patches_says_so(bundle: Bundle, memory: Memory, station: Station, tmp_path: Path) -> None:
    shutil.copytree(bundle.root, tmp_path / "old")
    graph = onnx.load(tmp_path / "old/clip/vision.onnx")
    del graph.graph.output[1:]
    onnx.save(graph, tmp_path / "old/clip/vision.onnx")
    old = open_vision_models(Bundle(tmp_path / "old", bundle.manifest, bundle.digest, unsigned=True), board=read_board("cpu"))

    with pytest.raises(BundleError, match="gives no patch_features"):
        old.describer(station.describe, memory)
    assert old.describer(station.describe.model_copy(update={"measured": False})).describe(frame()).familiarity is None


def test_a_faint_cell_is_stopped_by_the_limits_where_its_words_would_pass(inspector: Inspector, station: Station) -> None:
    cells = [read_picture(cell.path) for cell in load_cells()[:60] if cell.probability == 1.0][:4]
    faint = [coloured((pixels[:, :, 0] - pixels.mean()) * 0.15 + pixels.mean()) for pixels in cells]

    assert all(measure(pixels).spread < station.picture.blank_spread for pixels in faint)
    assert {inspector.inspect(frame(pixels=pixels)).verdict.reasons for pixels in faint} == {(Reason.BLANK,)}
