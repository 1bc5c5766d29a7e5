"""The errors of the daemon, one root.

EdgeError
├── BackupError      a box that cannot be kept in a file, or a file from which no box can be made
├── BundleError      a bundle that is missing, changed, unsigned or not for this box
├── TrialError       a bundle in trial does not keep to what is asked of it
├── FamiliarityError a memory of known pictures that cannot be read, or was learned with another model or region of interest
├── CameraError      a camera that cannot be opened as it is configured
├── PictureError     a file that is no healthy picture (edge/picture/decode.py)
├── DescribeError    the words of a picture could not be made
├── JudgeError       the words could not be judged
├── MessageError     an inspection that cannot be encoded as JSON, or bytes that are no inspection
├── HistoryError     a stored inspection that cannot be found, or was made with other models, settings or files
├── AnswerError      an answer of a person that cannot be kept
├── EvidenceError    a picture could not be kept, or is not the one that a verdict names
├── LabelsError      lines of judged pictures and a table of their right labels that do not belong together
├── LessonError      a lesson that a station must not be taught, or a lessons file that is wrong
├── SpoolError       a verdict could not be committed to disk
│   └── SpoolFullError   the byte quota or the disk is used up
├── DeliveryError    the other side does not have an inspection
│   └── NobodyListensError   the broker took it, but has no subscriber (MQTT 5 reason 0x10)
└── StoreError       the database of a consumer cannot be opened, read or written
    └── UnstorableError      it refuses one message as data, whatever is tried
"""

from __future__ import annotations

__all__ = [
    "AnswerError",
    "BackupError",
    "BundleError",
    "CameraError",
    "DeliveryError",
    "DescribeError",
    "EdgeError",
    "EvidenceError",
    "FamiliarityError",
    "HistoryError",
    "JudgeError",
    "LabelsError",
    "LessonError",
    "MessageError",
    "NobodyListensError",
    "SpoolError",
    "SpoolFullError",
    "StoreError",
    "TrialError",
    "UnstorableError",
]


class EdgeError(Exception):
    """Root: says in one sentence what was being done, with which value, and what to do."""


class BackupError(EdgeError):
    """A box that cannot be kept in a file, or a file from which no box can be made."""


class BundleError(EdgeError):
    """A bundle that is missing, changed, unsigned or not for this box."""


class TrialError(EdgeError):
    """A bundle in trial does not keep to what is asked of it: it goes back."""


class FamiliarityError(EdgeError):
    """A memory of known pictures that cannot be read, or was learned with another model or region of interest."""


class CameraError(EdgeError):
    """A camera that cannot be opened as it is configured."""


class DescribeError(EdgeError):
    """The words of a picture could not be made."""


class JudgeError(EdgeError):
    """The words could not be judged."""


class MessageError(EdgeError):
    """An inspection that cannot be encoded as JSON (a number that is not finite), or bytes that are no inspection."""


class HistoryError(EdgeError):
    """A stored inspection that cannot be found, or was made with other models, settings or files."""


class AnswerError(EdgeError):
    """An answer of a person that cannot be kept."""


class EvidenceError(EdgeError):
    """A picture could not be kept as evidence, or is not the one that a verdict names."""


class LabelsError(EdgeError):
    """Lines of judged pictures and a table of their right labels that do not belong together."""


class LessonError(EdgeError):
    """A lesson that a station must not be taught, or a lessons file that is wrong."""


class SpoolError(EdgeError):
    """A verdict could not be committed to disk."""


class SpoolFullError(SpoolError):
    """The byte quota or the disk is used up."""


class DeliveryError(EdgeError):
    """The other side does not have an inspection."""


class NobodyListensError(DeliveryError):
    """The broker took an inspection, but nobody subscribes (MQTT 5 reason code 0x10)."""


class StoreError(EdgeError):
    """The database of a consumer cannot be opened, read or written."""


class UnstorableError(StoreError):
    """The database refuses one message as data, whatever is tried."""
