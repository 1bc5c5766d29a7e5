"""Inspects the golden pictures of a bundle as a box does and compares the verdicts with the certified ones.

A golden verdict is identified by its decision, its label and the probability of its label's decision. This probability, not that of the
label alone, is compared with the station's limits and is the confidence of a calibrated verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge.bundle.open import Bundle
from edge.cameras.named_files import NamedFiles
from edge.errors import BundleError
from edge.inspection.inspector import Inspector, describe_picture
from edge.inspection.policy import likeliest
from edge.interfaces import Describer
from edge.picture.decode import PictureError
from edge.records import Capture, Decision, Description, Inspection, LostFrame
from firmware_config.bundle import GOLDEN_STATION, Golden
from firmware_config.labels import Label
from firmware_config.station import Station, read_station
from firmware_config.verified_file import StoredFile, VerifiedFile


def read_golden_station(bundle: Bundle) -> Station:
    """The golden station of a bundle, without its deadline and its check for a frozen camera: golden pictures come from no camera.

    Raises:
        BundleError: the bundle has no golden station.
        StationError: it is not understood.
    """
    return without_camera(read_station(bundle.file(GOLDEN_STATION)))


def without_camera(station: Station) -> Station:
    """A station without its deadline and its check for a frozen camera, for pictures that come from no camera."""
    still = {"picture": {"frozen_after": None}, "trigger": {"deadline_ms": None}}
    return station.model_copy(update={name: getattr(station, name).model_copy(update=values) for name, values in still.items()})


def inspect_golden_picture(bundle: Bundle, picture: str, inspector: Inspector) -> Inspection:
    """Inspect the golden picture at the path `picture` inside the bundle; `inspector` is that of `read_golden_station`.

    A picture that cannot be read, described or judged is a FAULT, as on a box.

    Raises:
        BundleError: the bundle has no such picture.
    """
    return inspector.inspect(golden_capture(bundle.file(picture), station=inspector.station))


def golden_capture(picture: StoredFile, *, station: Station) -> Capture:
    """A golden picture as a camera of the station gives it.

    Raises:
        BundleError: it is not there.
        ManifestError: its content is not what the manifest of its bundle lists.
    """
    if not (picture.path if isinstance(picture, VerifiedFile) else picture).is_file():
        msg = f"the golden picture {picture} is not there: take the bundle from its builder again"
        raise BundleError(msg)
    return next(NamedFiles([picture], station=station.station.name, picture=station.picture).frames())


def describe_golden_picture(bundle: Bundle, picture: str, *, golden_station: Station, describer: Describer) -> Description:
    """Describe a golden picture by any describer, cropped and searched for printed text as the golden station does.

    Another station's region of interest belongs to another camera.

    Raises:
        BundleError: the bundle has no such picture.
        PictureError: it cannot be read.
        DescribeError: as of `edge.interfaces.Describer`.
    """
    capture = golden_capture(bundle.file(picture), station=golden_station)
    if isinstance(capture, LostFrame):
        raise PictureError(capture.reason, capture.detail)
    return describe_picture(capture, settings=golden_station.picture, describer=describer)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A golden verdict beside the one given now; `label` and `probability` are None for a FAULT."""

    golden: Golden
    decision: Decision
    label: str | None
    probability: float | None

    @property
    def is_same(self) -> bool:
        """The decision and the label are equal, and the probability is within the tolerance."""
        golden = self.golden
        near = self.probability is not None and abs(self.probability - golden.probability) <= golden.tolerance
        return near and (self.decision.value, self.label) == (golden.decision, golden.label)


def compare(golden: Golden, inspection: Inspection, labels: Sequence[Label]) -> Comparison:
    """Compare a certified verdict with an inspection of its picture; `labels` are those of the golden station."""
    return Comparison(golden, inspection.verdict.decision, inspection.verdict.label, decision_probability(inspection, labels))


def decision_probability(inspection: Inspection, labels: Sequence[Label]) -> float | None:
    """The probability (0..1) of the decision of the verdict's label, calibrated or not; None for a FAULT."""
    return None if inspection.scores is None or inspection.verdict.label is None else likeliest(inspection.scores, labels)[1]


def is_as_expected(golden: Golden, labels: Sequence[Label]) -> bool | None:
    """Whether a certified verdict is what the picture's maker expects: the label and its decision; None if nothing is expected.

    `labels` are those of the golden station.
    """
    if golden.expected is None:
        return None
    decision = next((label.decision.upper() for label in labels if label.name == golden.expected), None)
    return (golden.decision, golden.label) == (decision, golden.expected)
