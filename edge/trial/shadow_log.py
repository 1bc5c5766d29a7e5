"""Both verdicts on each live picture of a trial, one JSON line each, in files that are kept small."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from edge.errors import TrialError
from edge.message import utc_text
from edge.records import Inspection
from edge.trial.candidate import Looked

FILE_NAME = "trial.jsonl"
MAX_BYTES, KEPT = 10_000_000, 3
"""A line has some 600 bytes: four files hold the last 60,000 pictures."""


class ShadowLog:
    """Appends lines to FOLDER/trial.jsonl; the files before it are trial.jsonl.1 (the newest) to trial.jsonl.3.

    Lines are not synchronised: after a power cut the last ones may be missing or torn. The verdicts themselves are in the spool.
    """

    def __init__(self, folder: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self.path = folder / FILE_NAME
        self._max_bytes = max_bytes

    def add(self, running: Inspection, looked: Looked, *, bundle: str) -> None:
        """Add both verdicts on a picture; `bundle` is the digest of the bundle in trial.

        Raises:
            TrialError: the file cannot be written.
        """
        tried = looked.inspection
        values = {
            "at": utc_text(running.captured_at),
            "station": running.station,
            "source": running.source.encode(errors="backslashreplace").decode(),
            "id": running.id,
            "sha256": running.evidence_sha256,
            "bundle": bundle,
            "same": running.verdict.decision is tried.verdict.decision,
            "running": _verdict(running),
            "trial": _verdict(tried) | {"ms": round(looked.wall_ms, 1)},
        }
        raw = (json.dumps(values, ensure_ascii=False) + "\n").encode()
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
            try:
                size = os.fstat(descriptor).st_size
                os.write(descriptor, raw)
            finally:
                os.close(descriptor)
            if size + len(raw) > self._max_bytes:
                self._rotate()
        except OSError as err:
            msg = f"the log of the trial {self.path} cannot be written ({err.strerror}): make room on the disk, or correct the rights"
            raise TrialError(msg) from err

    def _rotate(self) -> None:
        names = [self.path, *(self.path.with_name(f"{FILE_NAME}.{number}") for number in range(1, KEPT + 1))]
        for older, newer in zip(reversed(names), list(reversed(names))[1:], strict=False):
            with contextlib.suppress(FileNotFoundError):
                newer.replace(older)


def _verdict(inspection: Inspection) -> dict[str, Any]:
    verdict = inspection.verdict
    return {
        "decision": verdict.decision.value,
        "label": verdict.label,
        "confidence": verdict.confidence,
        "reasons": [reason.value for reason in verdict.reasons],
    }
