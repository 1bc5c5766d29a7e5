"""Certifies the golden verdicts of a bundle that is built and verifies those of a finished one, with the code that a box runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from edge.bundle.archive import SUFFIX, pack, unpack
from edge.bundle.open import Bundle, digest_of, open_bundle
from edge.errors import EdgeError
from edge.inspection.golden import Comparison, compare, decision_probability, inspect_golden_picture, is_as_expected, read_golden_station
from edge.inspection.open import open_inspectors
from edge.judges.linear.file import read_linear
from edge.records import Inspection
from edge.runtime.onnx import require_providers
from export.errors import BuildError
from export.progress import Report
from firmware_config.board import Board
from firmware_config.bundle import MANIFEST_NAME, Golden, Manifest, parse_manifest
from firmware_config.errors import ConfigError
from firmware_config.labels import Label
from firmware_config.obstacles import obstacles
from firmware_config.signed_bundle import SignedBundle
from firmware_config.station_template import STATION_TEMPLATE, read_template_station, template_path

PROBABILITY_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Verified:
    """The golden verdicts of a bundle beside those given on this machine; `labels` are those of its golden station."""

    comparisons: tuple[Comparison, ...]
    labels: tuple[Label, ...]


@contextmanager
def opened(path: Path, *, trusted: Mapping[str, bytes]) -> Iterator[Bundle]:
    """Open a bundle's folder, or unpack its archive into a temporary folder and open that.

    Raises:
        BuildError: it is not to be trusted.
    """
    try:
        if path.suffix != SUFFIX or path.is_dir():
            yield open_bundle(path, trusted=trusted)
            return
        with TemporaryDirectory(prefix="kotoba-") as scratch:
            yield unpack(path, Path(scratch) / "bundle", trusted=trusted)
    except EdgeError as err:
        raise BuildError(str(err)) from err


def require_board(board: Board, name: str) -> None:
    """Check that this machine can run what a board runs, before models are made for it; `name` is that of the bundle.

    Raises:
        BuildError: onnxruntime lacks a provider of the board.
    """
    try:
        require_providers(board, f"building bundle {name}")
    except EdgeError as err:
        raise BuildError(str(err)) from err


def unsigned(root: Path, manifest: Manifest) -> Bundle:
    """A bundle that is still being built: it has no signature and no digest yet."""
    return Bundle(root, manifest, digest_of(b""), unsigned=True)


def write_archive(root: Path, archive: Path) -> None:
    """Write the archive of a bundle's folder."""
    pack(root, parse_manifest((root / MANIFEST_NAME).read_bytes()), archive)


def certify_golden(bundle: Bundle, expected: Mapping[str, str | None], *, board: Board, report: Report) -> tuple[Golden, ...]:
    """Give the golden verdicts of a bundle; `expected` is golden picture -> the label that its maker expects, None if there is none.

    Raises:
        BuildError: a model cannot be loaded, or a picture gives a FAULT.
    """
    with edge_errors_translated(bundle):
        labels, inspections = read_golden_station(bundle).labels, inspected(bundle, tuple(expected), board=board, report=report)
        return tuple(
            _certified(picture, inspection, labels, label)
            for (picture, label), inspection in zip(expected.items(), inspections, strict=True)
        )


def require_linear_judges(files: Iterable[Path], name: str) -> None:
    """Read every linear judge that a bundle will have as a box does, before models are made; `name` is that of the bundle.

    Raises:
        BuildError: one is wrong.
    """
    for path in files:
        try:
            read_linear(path)
        except EdgeError as err:
            msg = f"building bundle {name}: {err}"
            raise BuildError(msg) from err


def template_warnings(bundle: Bundle, *, board: Board, report: Report) -> tuple[str, ...]:
    """Try the station template as a box does that runs a station made from it; returns what keeps its stations from saying OK.

    Where the golden station is the template, its verdicts have tried it.

    Raises:
        BuildError: it does not fit the bundle.
    """
    path = template_path(bundle.manifest)
    try:
        station, calibration = read_template_station(SignedBundle(bundle.root, bundle.manifest))
        if path == STATION_TEMPLATE:
            report("trying the station template")
            open_inspectors(bundle, [station], board=board)
    except (EdgeError, ConfigError) as err:
        if path == STATION_TEMPLATE:
            msg = f"the station template of bundle {bundle.manifest.name}: {err}"
            raise BuildError(msg) from err
        return (f"no station can be made from this bundle: {err}",)
    return tuple(obstacle.told(station) for obstacle in obstacles(station, bundle.manifest, calibration))


def verify_golden(bundle: Bundle, *, board: Board, report: Report) -> Verified:
    """Inspect every golden picture again and compare with its golden verdict.

    Raises:
        BuildError: a model cannot be loaded, or the bundle has no golden station.
    """
    with edge_errors_translated(bundle):
        golden, labels = bundle.manifest.golden, read_golden_station(bundle).labels
        inspections = inspected(bundle, [entry.picture for entry in golden], board=board, report=report)
        return Verified(tuple(compare(*pair, labels) for pair in zip(golden, inspections, strict=True)), labels)


def inspected(bundle: Bundle, pictures: Sequence[str], *, board: Board, report: Report) -> Iterator[Inspection]:
    """Inspect golden pictures, by their paths inside the bundle, with the golden station.

    Raises:
        EdgeError, ConfigError: a model cannot be loaded, the bundle has no golden station, or a picture is not there.
    """
    report("loading the models")
    (inspector,) = open_inspectors(bundle, [read_golden_station(bundle)], board=board)
    for number, picture in enumerate(pictures, 1):
        report(f"inspecting golden pictures: {number} of {len(pictures)}")
        yield inspect_golden_picture(bundle, picture, inspector)


@contextmanager
def edge_errors_translated(bundle: Bundle) -> Iterator[None]:
    """Raise the errors of the device's code as BuildError that names the bundle."""
    try:
        yield
    except (EdgeError, ConfigError) as err:
        msg = f"inspecting the golden pictures of bundle {bundle.manifest.name}: {err}"
        raise BuildError(msg) from err


def fault_error(picture: str, inspection: Inspection) -> BuildError:
    """The error for a golden picture that gives a FAULT."""
    verdict = inspection.verdict
    reasons = ", ".join(reason.value for reason in verdict.reasons)
    return BuildError(f"golden picture {picture} gives {verdict.decision.value} ({reasons}): {inspection.detail}")


def unexpected(golden: Sequence[Golden], labels: Sequence[Label]) -> tuple[Golden, ...]:
    """The golden verdicts that are not what the pictures' maker expects; `labels` are those of the golden station."""
    return tuple(entry for entry in golden if is_as_expected(entry, labels) is False)


def golden_table(golden: Sequence[Golden], labels: Sequence[Label], comparisons: Sequence[Comparison] = ()) -> str:
    """The golden verdicts as lines of text; with `comparisons`, in the same order, also whether this machine gives them."""
    rows = [["picture", "expected", "certified", "probability", "", *(["this machine"] if comparisons else [])]]
    notes = {True: "as expected", False: "NOT as expected", None: ""}
    for entry in golden:
        verdict, note = f"{entry.decision} {entry.label}", notes[is_as_expected(entry, labels)]
        rows.append([Path(entry.picture).name, entry.expected or "-", verdict, f"{entry.probability:.4f}", note])
    for row, comparison in zip(rows[1:], comparisons, strict=False):
        row.append("same" if comparison.is_same else f"DIFFERS: {comparison.decision.value} {comparison.label or ''}".rstrip())
        if not comparison.is_same and comparison.probability is not None:
            row[-1] += f" {comparison.probability:.4f}"
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _certified(picture: str, inspection: Inspection, labels: Sequence[Label], expected: str | None) -> Golden:
    verdict, probability = inspection.verdict, decision_probability(inspection, labels)
    if verdict.label is None or probability is None:
        raise fault_error(picture, inspection)
    return Golden(
        picture=picture,
        expected=expected,
        decision=verdict.decision.value,
        label=verdict.label,
        probability=round(probability, PROBABILITY_DIGITS),
    )
