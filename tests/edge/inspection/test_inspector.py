from __future__ import annotations

import hashlib
import itertools
import json
import logging
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from edge.describers.scripted import ScriptedDescriber
from edge.errors import JudgeError
from edge.inspection.inspector import Inspector
from edge.inspection.policy import Limits
from edge.interfaces import Describer
from edge.judges.scripted import ScriptedJudge
from edge.message import encode
from edge.records import Capture, Decision, Description, Frame, Inspection, Reason, Scores, Tag, Words
from firmware_config.station import Station
from tests.support.picture_files import gradient
from tests.support.sample_records import BUNDLE, MODELS, MOMENT, description, frame, lost, scores, station
from tests.support.tiny_bundle import is_one_sentence

MS = 1_000_000


class SeeingDescriber:
    """Remembers what it was shown."""

    def __init__(self) -> None:
        self.seen: list[Frame] = []

    def describe(self, frame: Frame) -> Description:
        self.seen.append(frame)
        return description()


class BrokenDescriber:
    def describe(self, frame: Frame) -> Description:
        raise ZeroDivisionError(frame.source)


def inspected(
    capture: Capture,
    *,
    describer: Describer | None = None,
    opinion: Callable[[Words], Scores] = lambda _: scores(),
    at: Station | None = None,
    monotonic_ns: Callable[[], int] = lambda: 0,
) -> Inspection:
    describer = describer or ScriptedDescriber({"part.png": description()})
    inspector = Inspector(
        at or station(),
        describer=describer,
        judge=ScriptedJudge(opinion),
        limits=Limits(),
        bundle_digest=BUNDLE,
        models_digest=MODELS,
        new_id=lambda: "id-1",
        monotonic_ns=monotonic_ns,
    )
    inspection = inspector.inspect(capture)
    assert encode(inspection)
    assert inspection.detail is None or is_one_sentence(inspection.detail)
    return inspection


def described() -> Description:
    """What the scripted describer says, with the time of the text detection on a clock that stands still."""
    return replace(description(), timings_ms=(("text_detection", 0.0), *description().timings_ms))


def is_fault(inspection: Inspection, reason: Reason) -> bool:
    verdict = inspection.verdict
    return (verdict.decision, verdict.label, verdict.confidence, verdict.reasons) == (Decision.FAULT, None, None, (reason,))


def test_a_good_picture_is_ok_with_its_words_scores_and_digests() -> None:
    at = station()

    inspection = inspected(frame(), at=at)

    assert inspection.verdict.decision is Decision.OK
    assert (inspection.id, inspection.station, inspection.source, inspection.captured_at) == ("id-1", "cell-01", "part.png", MOMENT)
    assert (inspection.description, inspection.scores) == (described(), scores())
    assert (inspection.bundle, inspection.station_digest) == (BUNDLE, at.digest)
    assert inspection.evidence_sha256 == hashlib.sha256(gradient().tobytes()).hexdigest()
    assert (inspection.epoch, inspection.seq) == ("", 0)


def test_an_inspection_has_the_time_of_each_stage() -> None:
    clock = itertools.count(0, 7 * MS)

    inspection = inspected(frame(), monotonic_ns=lambda: next(clock))

    assert inspection.timings_ms == (("capture", 1.5), ("text_detection", 7.0), ("vision", 12.0), ("caption", 80.5), ("judge", 7.0))


def test_a_lost_frame_is_a_fault_with_its_reason_and_sentence() -> None:
    inspection = inspected(lost(Reason.CAMERA_UNREACHABLE))

    assert is_fault(inspection, Reason.CAMERA_UNREACHABLE)
    assert inspection.detail == lost().detail
    assert inspection.evidence_sha256 is None


def test_a_picture_that_the_gate_refuses_is_a_fault_and_is_not_described() -> None:
    describer = SeeingDescriber()

    inspection = inspected(frame(pixels=np.zeros((64, 64, 3), np.uint8)), describer=describer)

    assert is_fault(inspection, Reason.BLANK)
    assert describer.seen == []


def test_a_describer_that_fails_is_a_fault() -> None:
    inspection = inspected(frame("unknown.png"))

    assert is_fault(inspection, Reason.DESCRIBE_FAILED)
    assert "unknown.png" in str(inspection.detail)


def fail(_: Words) -> Scores:
    msg = "judging 3 labels: the model gave NaN: reinstall the bundle"
    raise JudgeError(msg)


def test_a_judge_that_fails_is_a_fault_with_the_words() -> None:
    inspection = inspected(frame(), opinion=fail)

    assert is_fault(inspection, Reason.JUDGE_FAILED)
    assert inspection.description == described()
    assert "NaN" in str(inspection.detail)


def test_words_that_are_not_finite_are_left_out_when_the_judge_fails() -> None:
    nonsense = replace(description(), words=replace(description().words, tags=(Tag("cell", math.nan),)))

    inspection = inspected(frame(), describer=ScriptedDescriber({"part.png": nonsense}), opinion=fail)

    assert is_fault(inspection, Reason.JUDGE_FAILED)
    assert inspection.description is None


def test_an_unexpected_exception_of_a_describer_is_a_fault_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        inspection = inspected(frame(), describer=BrokenDescriber())

    assert is_fault(inspection, Reason.DESCRIBE_FAILED)
    assert "ZeroDivisionError" in str(inspection.detail)
    assert "ZeroDivisionError" in caplog.text


def test_an_unexpected_exception_of_a_judge_is_a_fault() -> None:
    def divide(_: Words) -> Scores:
        return scores(1 / 0)

    assert is_fault(inspected(frame(), opinion=divide), Reason.JUDGE_FAILED)


def test_scores_without_probabilities_are_a_fault() -> None:
    nothing: Any = None
    shapeless = replace(scores(), probabilities=nothing)

    assert is_fault(inspected(frame(), opinion=lambda _: shapeless), Reason.JUDGE_FAILED)


def test_scores_that_are_not_finite_are_a_fault_and_left_out() -> None:
    inspection = inspected(frame(), opinion=lambda _: scores(math.nan, 0.5, 0.5))

    assert is_fault(inspection, Reason.JUDGE_FAILED)
    assert inspection.scores is None
    assert inspection.detail is not None


def test_a_picture_without_words_is_a_fault() -> None:
    inspection = inspected(frame(), describer=ScriptedDescriber({"part.png": Description(Words((), (), ()))}))

    assert is_fault(inspection, Reason.NO_WORDS)
    assert inspection.detail is not None


@pytest.mark.parametrize(("now_ms", "decision"), [(250, Decision.OK), (251, Decision.REVIEW)])
def test_after_the_deadline_it_is_review(now_ms: int, decision: Decision) -> None:
    at = station(trigger={"deadline_ms": 200})

    inspection = inspected(frame(monotonic_ns=50 * MS), at=at, monotonic_ns=lambda: now_ms * MS)

    assert inspection.verdict.decision is decision
    assert inspection.verdict.reasons == (() if decision is Decision.OK else (Reason.LATE,))


def test_the_deadline_of_a_trigger_does_not_count_from_the_capture() -> None:
    at = station(trigger={"deadline_ms": 200})
    asked = replace(frame(monotonic_ns=50 * MS), request_id="r1", part_id="p1")
    inspection = inspected(asked, at=at, monotonic_ns=lambda: 900 * MS)
    assert (inspection.verdict.decision, inspection.request_id, inspection.part_id) == (Decision.OK, "r1", "p1")


def inspector_of(at: Station) -> Inspector:
    sure = ScriptedJudge(lambda _: scores())
    return Inspector(at, describer=SeeingDescriber(), judge=sure, limits=Limits(), bundle_digest=BUNDLE, models_digest=MODELS)


def test_what_is_not_judged_in_time_is_review_with_its_picture_and_never_ok() -> None:
    asked = replace(frame(), request_id="r1", part_id="p1")
    late = inspector_of(station(trigger={"deadline_ms": 200})).unjudged(asked)
    assert (late.verdict.decision, late.verdict.reasons, late.verdict.label) == (Decision.REVIEW, (Reason.LATE,), None)
    assert (late.request_id, late.part_id, late.evidence_sha256) == ("r1", "p1", hashlib.sha256(asked.pixels.tobytes()).hexdigest())
    assert is_one_sentence(late.detail or "")


@pytest.mark.parametrize("reason", Reason)
def test_a_request_without_a_picture_is_a_fault_whatever_the_reason(reason: Reason) -> None:
    answer = inspector_of(station()).unjudged(replace(lost(reason), request_id="r1", part_id="p1"))
    assert (answer.verdict.decision, answer.verdict.reasons) == (Decision.FAULT, (reason,))
    assert (answer.request_id, answer.part_id) == ("r1", "p1")


def test_one_frame_that_answers_two_requests_is_not_frozen_and_its_copy_is() -> None:
    inspector = inspector_of(station(picture={"frozen_after": 2}))
    first = frame()
    decisions = [
        inspector.inspect(replace(each, request_id=name)).verdict.decision
        for each, name in ((first, "r1"), (first, "r2"), (replace(first, pixels=first.pixels.copy()), "r3"))
    ]
    assert decisions == [Decision.OK, Decision.OK, Decision.FAULT]


def test_one_frame_never_passes_two_parts() -> None:
    inspector, picture = inspector_of(station()), frame()
    first, second = (inspector.inspect(replace(picture, request_id=name, part_id=part)) for name, part in (("r1", "p1"), ("r2", "p2")))
    assert first.verdict.decision is Decision.OK
    assert (second.verdict.decision, second.verdict.reasons) == (Decision.FAULT, (Reason.CAMERA_STALLED,))


def test_the_models_see_only_the_region_of_interest_and_the_evidence_is_the_whole_picture() -> None:
    describer = SeeingDescriber()
    at = station(picture={"roi": [[0.5, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 1.0]]})

    inspection = inspected(frame(), describer=describer, at=at)

    assert np.array_equal(describer.seen[0].pixels, gradient()[:, 32:])
    assert inspection.evidence_sha256 == hashlib.sha256(gradient().tobytes()).hexdigest()


def test_each_station_has_a_gate_of_its_own() -> None:
    at = station(picture={"frozen_after": 2})
    one, other = (
        Inspector(
            at,
            describer=SeeingDescriber(),
            judge=ScriptedJudge(lambda _: scores()),
            limits=Limits(),
            bundle_digest=BUNDLE,
            models_digest=MODELS,
        )
        for _ in range(2)
    )

    reasons = [inspector.inspect(frame()).verdict.reasons for inspector in (one, other, one, other)]

    assert reasons == [(), (), (Reason.FROZEN,), (Reason.FROZEN,)]


def test_every_inspection_has_an_id_of_its_own() -> None:
    inspector = Inspector(
        station(),
        describer=SeeingDescriber(),
        judge=ScriptedJudge(lambda _: scores()),
        limits=Limits(),
        bundle_digest=BUNDLE,
        models_digest=MODELS,
    )

    assert inspector.inspect(frame()).id != inspector.inspect(frame()).id


def test_a_file_name_that_is_not_utf8_is_escaped_in_the_message() -> None:
    inspection = inspected(replace(frame(), source="part-\udcff.png"))

    assert json.loads(encode(inspection))["source"] == "part-\\udcff.png"


def with_printed_text() -> Frame:
    pixels = np.full((300, 300, 3), 150, np.uint8)
    pixels[:, ::7] = 130
    cv2.putText(pixels, "PASS", (60, 150), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (20, 20, 20), 3, cv2.LINE_AA)
    return frame(pixels=pixels)


def test_a_picture_with_printed_text_is_review_with_its_reason() -> None:
    inspection = inspected(with_printed_text())
    assert inspection.verdict.decision is Decision.REVIEW
    assert inspection.verdict.reasons == (Reason.TEXT_INFLUENCE,)
    assert inspection.description
    assert inspection.description.printed_text
    assert dict(inspection.timings_ms)["text_detection"] == 0.0


def test_a_defect_beside_printed_text_stays_ng() -> None:
    verdict = inspected(with_printed_text(), opinion=lambda _: scores(0.05, 0.9, 0.05)).verdict
    assert (verdict.decision, verdict.reasons) == (Decision.NG, (Reason.TEXT_INFLUENCE,))


def test_a_station_may_allow_printed_text() -> None:
    inspection = inspected(with_printed_text(), at=station(picture={"allow_printed_text": True}))
    assert inspection.verdict.decision is Decision.OK
    assert "text_detection" not in dict(inspection.timings_ms)


def test_printed_text_outside_the_region_of_interest_does_not_count() -> None:
    below = station(picture={"roi": [(0, 0.6), (1, 0.6), (1, 1), (0, 1)]})
    assert inspected(with_printed_text(), at=below).verdict.decision is Decision.OK


def test_a_picture_that_is_judged_while_another_bundle_takes_over_answers_for_no_second_part() -> None:
    picture = frame()
    before, after = inspector_of(station()), inspector_of(station())
    after.take_over(before)
    first = before.inspect(replace(picture, request_id="r1", part_id="p1"))
    second = after.inspect(replace(picture, request_id="r2", part_id="p2"))
    assert first.verdict.decision is Decision.OK
    assert second.verdict.reasons == (Reason.CAMERA_STALLED,)
