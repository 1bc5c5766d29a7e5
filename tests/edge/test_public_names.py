"""The public names of `edge`: a change here is a line in CHANGELOG.md."""

from __future__ import annotations

import importlib
import subprocess
import sys

import edge

PUBLIC = {
    "errors": (
        "AnswerError BackupError BundleError CameraError DeliveryError DescribeError EdgeError EvidenceError FamiliarityError "
        "HistoryError JudgeError LabelsError LessonError MessageError NobodyListensError SpoolError SpoolFullError StoreError "
        "TrialError UnstorableError"
    ),
    "interfaces": "Camera Describer Judge JudgedFiles PictureMemory Sink Trigger VisionModels",
    "message": "MAX_MESSAGE_BYTES SCHEMA decode encode schema shortened",
    "records": (
        "Capture Decision Degree Description Familiarity Frame Inspection LostFrame Measured PictureFile Pixels Reason "
        "Scores Struck Tag Taken TriggerRequest Trouble Verdict Words"
    ),
}


def test_the_public_names_are_these() -> None:
    modules = [name for name in edge.__all__ if name != "ENVIRONMENT"]
    assert {name: " ".join(sorted(importlib.import_module(f"edge.{name}").__all__)) for name in modules} == PUBLIC


def test_every_public_name_exists() -> None:
    for module, names in PUBLIC.items():
        assert all(hasattr(importlib.import_module(f"edge.{module}"), name) for name in names.split())


def test_the_package_and_the_camera_reader_load_no_library() -> None:
    """The reader is a child process that is started again when a camera hangs."""
    program = "import sys, edge.cameras.reader; print(*{'numpy', 'cv2', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == []
