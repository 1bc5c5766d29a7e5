"""One capture to one inspection: picture gate, words, scores, decision. The daemon, `inspect`, proofs and studies all use it."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from edge.errors import DescribeError, JudgeError
from edge.inspection.ids import OrderedIds
from edge.inspection.policy import Limits, decide, fault, has_words, late
from edge.interfaces import Describer, Judge
from edge.picture.health import HealthCheck
from edge.picture.roi import crop
from edge.picture.text_detection import has_printed_text
from edge.records import Capture, Decision, Description, Frame, Inspection, LostFrame, Reason, Scores, Verdict, Words
from firmware_config.station import Picture, Station

log = logging.getLogger(__name__)

TIMING_DIGITS = 3


class Inspector:
    """Inspects the captures of one station, in the order in which they were taken."""

    def __init__(
        self,
        station: Station,
        *,
        describer: Describer,
        judge: Judge,
        limits: Limits,
        bundle_digest: str,
        models_digest: str,
        new_id: Callable[[], str] | None = None,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.station = station
        self._describer = describer
        self._judge = judge
        self._limits = limits
        self._bundle_digest = bundle_digest
        self._models_digest = models_digest
        self._station_digest = station.digest
        self._settings_digest = station.settings_digest
        self._gate = HealthCheck(station.picture)
        self._gated: list[tuple[Frame, tuple[Reason, str] | None]] = []
        """The last triggered frame with what the gate said, if there is one; whoever takes over, perhaps during a picture, shares it."""
        self._new_id = new_id or OrderedIds()
        self._monotonic_ns = monotonic_ns

    def inspect(self, capture: Capture) -> Inspection:
        """Inspect one capture. Never raises: a picture that is not healthy or a model that fails is a FAULT with its reason."""
        if isinstance(capture, LostFrame):
            return self._inspection(capture, fault(capture.reason), detail=capture.detail)
        timings = [("capture", capture.capture_ms)]
        description, scores = None, None
        try:
            trouble = self._trouble(capture)
            if trouble is not None:
                return self._inspection(capture, fault(trouble[0]), detail=trouble[1], timings=timings)
            description = describe_picture(
                capture, settings=self.station.picture, describer=self._describer, monotonic_ns=self._monotonic_ns
            )
            timings += description.timings_ms
            scores = self._score(description.words, timings)
            is_late = self.is_late(capture)
            verdict = decide(description, scores, labels=self.station.labels, limits=self._limits, late=is_late)
        except (DescribeError, JudgeError) as err:
            reason = Reason.DESCRIBE_FAILED if isinstance(err, DescribeError) else Reason.JUDGE_FAILED
            sound = description if description is not None and has_words(description) else None
            return self._inspection(capture, fault(reason), detail=str(err), description=sound, timings=timings)
        except Exception as err:  # a bug of ours must not stop the line, and must never let a part pass
            log.exception("inspection failed station=%s source=%s", capture.station, capture.source)
            reason = Reason.DESCRIBE_FAILED if description is None else Reason.JUDGE_FAILED
            bug = f"{type(err).__name__} while inspecting {capture.source}: report this as a bug"
            return self._inspection(capture, fault(reason), detail=bug, timings=timings)
        detail: str | None = None
        if verdict.decision is Decision.FAULT:
            # JSON cannot hold numbers that are not finite, so words and scores that are not sound are left out.
            what = "words" if verdict.reasons[0] is Reason.NO_WORDS else "scores"
            detail = f"the {what} are empty, not finite or not those of the station's labels"
            description, scores = None, None
        return self._inspection(capture, verdict, detail=detail, description=description, scores=scores, timings=timings)

    def take_over(self, before: Inspector) -> None:
        """Go on where another inspector of the same station stops: a camera that has been frozen for long is not taken for a fresh one."""
        self._gate, self._gated = before._gate, before._gated

    def unjudged(self, capture: Capture) -> Inspection:
        """The inspection of a capture that is not judged in time; any thread may ask."""
        if isinstance(capture, LostFrame):
            return self.inspect(capture)
        detail = (
            f"judging was not finished within {self.station.trigger.deadline_ms} ms of the trigger: give it more time or a faster board"
        )
        return self._inspection(capture, late(), detail=detail, timings=[("capture", capture.capture_ms)])

    def is_late(self, capture: Capture) -> bool:
        """Whether the station's deadline for a verdict on this capture is over; that of a trigger is watched by who answers it."""
        deadline_ms = self.station.trigger.deadline_ms if capture.request_id is None else None
        return deadline_ms is not None and self._monotonic_ns() - capture.monotonic_ns > deadline_ms * 1_000_000

    def _trouble(self, frame: Frame) -> tuple[Reason, str] | None:
        """What the gate says; a frame that answers several requests is looked at once, else it would be its own frozen copy.

        It answers for one part only.
        """
        if frame.request_id is None:
            return self._gate.trouble(frame)
        if not self._gated or self._gated[0][0].pixels is not frame.pixels:
            self._gated[:] = [(frame, self._gate.trouble(frame))]
        gated, trouble = self._gated[0]
        if gated.part_id != frame.part_id:
            return Reason.CAMERA_STALLED, "this picture was judged for another part: trigger more slowly, or raise the camera's fps"
        return trouble

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
            request_id=capture.request_id,
            captured_at=capture.captured_at,
            clock_synchronised=capture.clock_synchronised,
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


def describe_picture(
    frame: Frame, *, settings: Picture, describer: Describer, monotonic_ns: Callable[[], int] = time.monotonic_ns
) -> Description:
    """Describe a picture as a station does: crop to its region of interest, look for printed text, make the words.

    Raises:
        DescribeError: as of `edge.interfaces.Describer`.
    """
    if settings.roi is not None:
        frame = replace(frame, pixels=crop(frame.pixels, settings.roi))
    if settings.allow_printed_text:
        return describer.describe(frame)
    started_ns = monotonic_ns()
    printed_text = has_printed_text(frame.pixels)
    timing = ("text_detection", (monotonic_ns() - started_ns) / 1e6)
    description = describer.describe(frame)
    return replace(description, printed_text=printed_text, timings_ms=(timing, *description.timings_ms))


def _digest_of(frame: Frame) -> str:
    """The sha256 of the pixels as they came from the camera: uint8 BGR, row by row."""
    return hashlib.sha256(np.ascontiguousarray(frame.pixels).data).hexdigest()
