"""One capture to one inspection: gate, words, judgement, decision. Used by the daemon, by `inspect`, and by whoever measures the method."""

from __future__ import annotations

import hashlib
import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from edge.errors import DescribeError, JudgeError
from edge.inspection.policy import Limits, decide, fault, has_words
from edge.interfaces import Describer, Judge
from edge.picture.health import PictureGate
from edge.picture.roi import crop
from edge.picture.text_detection import has_printed_text
from edge.records import Capture, Decision, Description, Frame, Inspection, LostFrame, Reason, Scores, Verdict, Words
from firmware_config.station import Station

log = logging.getLogger(__name__)

TIMING_DIGITS = 3


class Inspector:
    """Inspects the captures of one station, in order."""

    def __init__(
        self,
        station: Station,
        *,
        describer: Describer,
        judge: Judge,
        limits: Limits,
        bundle_digest: str,
        models_digest: str,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._station = station
        self._describer = describer
        self._judge = judge
        self._limits = limits
        self._bundle_digest = bundle_digest
        self._models_digest = models_digest
        self._station_digest = station.digest
        self._settings_digest = station.settings_digest
        self._gate = PictureGate(station.picture)
        self._new_id = new_id
        self._monotonic_ns = monotonic_ns

    def inspect(self, capture: Capture) -> Inspection:
        """Inspect one capture. Never raises: trouble of a picture or a model is a FAULT with its reason."""
        if isinstance(capture, LostFrame):
            return self._inspection(capture, fault(capture.reason), detail=capture.detail)
        timings = [("capture", capture.capture_ms)]
        description, scores = None, None
        try:
            trouble = self._gate.trouble(capture)
            if trouble is not None:
                return self._inspection(capture, fault(trouble[0]), detail=trouble[1], timings=timings)
            description = self._describe(capture, timings)
            scores = self._score(description.words, timings)
            late = self.is_late(capture)
            verdict = decide(description, scores, labels=self._station.labels, limits=self._limits, late=late)
        except (DescribeError, JudgeError) as err:
            reason = Reason.DESCRIBE_FAILED if isinstance(err, DescribeError) else Reason.JUDGE_FAILED
            said = description if description is not None and has_words(description) else None
            return self._inspection(capture, fault(reason), detail=str(err), description=said, timings=timings)
        except Exception as err:  # a bug of ours must stop neither the line nor the fail-safe
            log.exception("inspection failed station=%s source=%s", capture.station, capture.source)
            reason = Reason.DESCRIBE_FAILED if description is None else Reason.JUDGE_FAILED
            detail = f"{type(err).__name__} while inspecting {capture.source}: report this as a bug"
            return self._inspection(capture, fault(reason), detail=detail, timings=timings)
        unsound: str | None = None
        if verdict.decision is Decision.FAULT:
            # Words or scores that are not sound cannot be said on the wire either.
            what = "the words" if verdict.reasons[0] is Reason.NO_WORDS else "the scores"
            unsound = f"{what} are empty, not finite or not those of the station's labels"
            description, scores = None, None
        return self._inspection(capture, verdict, detail=unsound, description=description, scores=scores, timings=timings)

    def is_late(self, capture: Capture) -> bool:
        """Tell whether the station's deadline for this capture is over."""
        deadline_ms = self._station.trigger.deadline_ms
        return deadline_ms is not None and self._monotonic_ns() - capture.monotonic_ns > deadline_ms * 1_000_000

    def _describe(self, frame: Frame, timings: list[tuple[str, float]]) -> Description:
        frame = self.cropped(frame)
        printed_text = False
        if not self._station.picture.allow_printed_text:
            started_ns = self._monotonic_ns()
            printed_text = has_printed_text(frame.pixels)
            timings.append(("text_detection", (self._monotonic_ns() - started_ns) / 1e6))
        description = self._describer.describe(frame)
        timings += description.timings_ms
        return replace(description, printed_text=printed_text)

    def cropped(self, frame: Frame) -> Frame:
        """What the describer is shown of a picture."""
        roi = self._station.picture.roi
        return frame if roi is None else replace(frame, pixels=crop(frame.pixels, roi))

    def verdict_on(self, description: Description) -> Verdict:
        """Judge and decide on words alone, as `inspect` does, in time.

        Raises:
            JudgeError: as of a judge.
        """
        return decide(description, self._judge.score(description.words), labels=self._station.labels, limits=self._limits)

    def _score(self, words: Words, timings: list[tuple[str, float]]) -> Scores:
        started_ns = self._monotonic_ns()
        scores = self._judge.score(words)
        timings.append(("judge", (self._monotonic_ns() - started_ns) / 1e6))
        return scores

    def _inspection(
        self,
        capture: Capture,
        verdict: Verdict,
        *,
        detail: str | None = None,
        description: Description | None = None,
        scores: Scores | None = None,
        timings: list[tuple[str, float]] | None = None,
    ) -> Inspection:
        return Inspection(
            id=self._new_id(),
            station=capture.station,
            source=capture.source,
            part_id=capture.part_id,
            captured_at=capture.captured_at,
            verdict=verdict,
            description=description,
            scores=scores,
            timings_ms=tuple((name, round(value, TIMING_DIGITS)) for name, value in timings or ()),
            bundle=self._bundle_digest,
            models_digest=self._models_digest,
            station_digest=self._station_digest,
            settings_digest=self._settings_digest,
            evidence_sha256=_digest_of(capture) if isinstance(capture, Frame) else None,
            detail=detail,
        )


def _digest_of(frame: Frame) -> str:
    """sha256 of the pixels as they came from the camera: uint8 BGR, row by row."""
    return hashlib.sha256(np.ascontiguousarray(frame.pixels).data).hexdigest()
