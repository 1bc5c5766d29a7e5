"""The records that travel through the daemon, each defined once and frozen.

camera -> Frame -> Description -> Scores -> Verdict -> Inspection -> spool -> sinks
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:  # who only reads messages (edge/consumer/) needs no arrays
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "Capture",
    "Decision",
    "Degree",
    "Description",
    "Familiarity",
    "Frame",
    "Inspection",
    "LostFrame",
    "Measured",
    "PictureFile",
    "Pixels",
    "Reason",
    "Scores",
    "Struck",
    "Tag",
    "Taken",
    "TriggerRequest",
    "Trouble",
    "Verdict",
    "Words",
]

Pixels: TypeAlias = "NDArray[np.uint8]"


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A file of a watched folder as it was when it was read: by these facts it is known again after a restart.

    `name` is its path below the folder. `sha256` is that of its bytes, None where they could not be read.
    """

    name: str
    size_bytes: int
    mtime_ns: int
    sha256: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture from a camera.

    `pixels` is uint8 (H, W, 3) BGR. `captured_at` is UTC-aware and for people; durations come from `monotonic_ns`.
    `clock_synchronised` says whether the wall clock followed another one then, None where that is not known.
    `source` names where the picture came from (a file name, a device), `part_id` the part in front of the camera if known, `request_id`
    the request that it answers if there is one. `file` is set where the picture is a file that is to be judged once.
    """

    pixels: Pixels
    captured_at: datetime
    monotonic_ns: int
    station: str
    sequence: int
    source: str
    part_id: str | None = None
    capture_ms: float = 0.0
    file: PictureFile | None = None
    clock_synchronised: bool | None = None
    request_id: str | None = None


class Reason(str, Enum):
    """Why a verdict is what it is: codes on the wire, each explained to people in docs/operations.md."""

    UNREADABLE = "unreadable"
    """The picture file or frame cannot be decoded."""
    UNSUPPORTED = "unsupported"
    """A sound picture file of a format, depth, transparency or number of pages that the station does not name."""
    TOO_LARGE = "too_large"
    EMPTY = "empty"
    CAMERA_STALLED = "camera_stalled"
    CAMERA_UNREACHABLE = "camera_unreachable"
    CAMERA_DAMAGED = "camera_damaged"
    """The decoder complains: what it gives until the next clean key frame is not what the camera saw."""
    BLANK = "blank"
    DARK = "dark"
    CLIPPED = "clipped"
    """Over-exposed: too many pixels are at full white, where nothing can be seen."""
    BLURRED = "blurred"
    WRONG_SIZE = "wrong_size"
    FROZEN = "frozen"
    DESCRIBE_FAILED = "describe_failed"
    JUDGE_FAILED = "judge_failed"
    NO_WORDS = "no_words"
    UNFAMILIAR = "unfamiliar"
    """The picture shows no part that the station knows."""
    NEW_CONDITION = "new_condition"
    """The part looks unlike all known ones (another material, camera or light). The decision stays as it is."""
    TEXT_INFLUENCE = "text_influence"
    UNCALIBRATED = "uncalibrated"
    LOW_CONFIDENCE = "low_confidence"
    LOW_MARGIN = "low_margin"
    AMBIGUOUS = "ambiguous"
    """The conformal set holds labels of more than one decision."""
    LABEL_REVIEW = "label_review"
    RULE = "rule"
    """A rule of the station decided, not the judge. It may stand beside any decision; the verdict names it."""
    LATE = "late"
    OVERRUN = "overrun"
    """More requests than the station can hold."""
    DISABLED = "disabled"
    """The station is switched off."""
    SPOOL_FULL = "spool_full"


@dataclass(frozen=True, slots=True)
class LostFrame:
    """A picture that the camera should have given and could not: it becomes a FAULT verdict, never silence.

    `detail` is one sentence for people.
    """

    reason: Reason
    detail: str
    captured_at: datetime
    monotonic_ns: int
    station: str
    sequence: int
    source: str
    part_id: str | None = None
    file: PictureFile | None = None
    clock_synchronised: bool | None = None
    request_id: str | None = None


Capture: TypeAlias = Frame | LostFrame


@dataclass(frozen=True, slots=True)
class TriggerRequest:
    """Somebody asks a station to inspect the part that was in front of its camera at `arrived_ns` (monotonic)."""

    station: str
    request_id: str
    part_id: str | None
    arrived_ns: int


Taken: TypeAlias = Literal["taken", "repeated", "full", "untriggered"]
"""What becomes of a request: it gets an answer; it was there before; there is no room, or the box is stopping; the station takes none."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with a camera now, for longer than one picture. `code` is for machines, `detail` one sentence for people."""

    code: str
    since: datetime
    detail: str


@dataclass(frozen=True, slots=True)
class Tag:
    """A word or phrase of a closed vocabulary and its cosine with the picture (-1..1)."""

    word: str
    score: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A word of how a picture differs from the good pictures of its station, such as "darker than usual".

    `value` is the number behind it: how many spreads of the good pictures it is beyond their median, rounded.
    """

    word: str
    value: float


@dataclass(frozen=True, slots=True)
class Words:
    """What the judge reads of a picture, and all that it reads: tags and attributes, best first, captions, and what was measured."""

    tags: tuple[Tag, ...]
    attributes: tuple[Tag, ...]
    captions: tuple[str, ...]
    measured: tuple[Measured, ...] = ()


@dataclass(frozen=True, slots=True)
class Struck:
    """A tag, an attribute or a phrase of a caption that the quality filter took out."""

    where: Literal["tag", "attribute", "caption"]
    text: str


Degree: TypeAlias = Literal["known", "new_condition", "unfamiliar"]
"""known: a part as the station knows it; new_condition: the part looks unlike all known ones; unfamiliar: no part that it knows."""


@dataclass(frozen=True, slots=True)
class Familiarity:
    """How far a picture is from the station's memory of known pictures, and what the memory's limits make of that.

    `distance` is about 1 for known pictures. `memory` is the digest (`sha256:`) of the memory.
    """

    distance: float
    degree: Degree
    memory: str


@dataclass(frozen=True, slots=True)
class Description:
    """What a describer says of a picture.

    The judge reads `words` alone. The policy also reads `struck`, `printed_text` (text was found in the picture, which is never an OK) and
    `familiarity` (None without a memory). `timings_ms` is telemetry: stage to milliseconds, in the order of the stages.
    """

    words: Words
    struck: tuple[Struck, ...] = ()
    printed_text: bool = False
    familiarity: Familiarity | None = None
    timings_ms: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Scores:
    """What the judge makes of a description: per label, in the station's order.

    `log_likelihoods` are in nats, by `method`: sums of those of tokens, or the log-probabilities of a linear judge. `probabilities`
    (0..1, sum 1) are their softmax, calibrated where `calibrated` is True; otherwise the confidence of the verdict is None.
    `prediction_set` holds the labels of the conformal prediction set; it is empty without a calibration file. `prompt`, `adapter` and
    `calibration` are the digests (`sha256:`) of the filled instruction (template, labels and examples), of the LoRA or the linear judge,
    and of the calibration file.
    """

    labels: tuple[str, ...]
    log_likelihoods: tuple[float, ...]
    probabilities: tuple[float, ...]
    method: str
    prompt_tokens: int
    calibrated: bool = False
    prediction_set: tuple[str, ...] = ()
    prompt: str | None = None
    adapter: str | None = None
    calibration: str | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the nodes of one graph run. `stage` is the work that the graph is for, `asked` the execution providers of its session in order.

    `nodes` are the numbers of nodes by provider, the most first; empty where the runtime does not tell.
    """

    stage: str
    asked: tuple[str, ...]
    nodes: tuple[tuple[str, int], ...]


class Decision(str, Enum):
    """OK only if everything is positively known; NG a defect; REVIEW honest doubt; FAULT the box's own trouble."""

    OK = "OK"
    NG = "NG"
    REVIEW = "REVIEW"
    FAULT = "FAULT"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision and why. `confidence` (0..1) is None where none is known; `reasons` are codes, worst first.

    `rule` is the name of the station's rule that decided, None where the judge did; `label` is the judge's in any case.
    """

    decision: Decision
    label: str | None
    confidence: float | None
    reasons: tuple[Reason, ...] = ()
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Inspection:
    """One finished inspection, ready for the spool. `epoch` and `seq` are empty (""/0) until the spool commits it.

    `evidence_sha256` is the digest of the picture's pixels, `evidence_path` where it is kept in the evidence folder, None where it is not.
    `bundle` and `station_digest` say which signed bundle and station file it came from. `models_digest` and `settings_digest` say what of
    them the verdict depends on: a new signing key or broker password changes the first two only.
    """

    id: str
    station: str
    source: str
    part_id: str | None
    captured_at: datetime
    verdict: Verdict
    description: Description | None
    scores: Scores | None
    timings_ms: tuple[tuple[str, float], ...]
    bundle: str
    models_digest: str
    station_digest: str
    settings_digest: str
    evidence_sha256: str | None
    detail: str | None = None
    request_id: str | None = None
    epoch: str = ""
    seq: int = 0
    evidence_path: str | None = None
    clock_synchronised: bool | None = None
    replayed: bool = False
    shortened: bool = False
