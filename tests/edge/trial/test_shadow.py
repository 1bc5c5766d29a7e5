"""The newest picture for a bundle in trial, both verdicts on disk, and how far a trial is."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from edge.errors import TrialError
from edge.records import Decision, Reason, Verdict
from edge.trial.candidate import Looked
from edge.trial.progress import Progress, forget_progress, read_progress, write_progress
from edge.trial.shadow import Shadow
from edge.trial.shadow_log import KEPT, ShadowLog
from tests.support.inspections import FULL
from tests.support.sample_records import frame, lost

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=timezone.utc)
JUDGED = replace(FULL, verdict=Verdict(Decision.NG, "crack", 0.9))
LATE = replace(FULL, verdict=Verdict(Decision.REVIEW, "crack", 0.9, (Reason.LATE,)))


def test_nothing_is_kept_while_no_bundle_is_in_trial() -> None:
    shadow = Shadow()
    shadow.offer(JUDGED, frame())
    assert shadow.take(0) is None


def test_the_newest_picture_takes_the_place_of_the_one_before() -> None:
    shadow, frames = Shadow(), [frame(f"{number}.png") for number in range(3)]
    shadow.switch(on=True)
    for one in frames:
        shadow.offer(JUDGED, one)
    assert shadow.take(0) == (frames[-1], JUDGED)
    assert shadow.take(0) is None


def test_each_station_has_its_turn_however_fast_another_one_is() -> None:
    shadow = Shadow()
    shadow.switch(on=True)
    for number in range(3):
        shadow.offer(replace(JUDGED, station="fast"), frame(f"fast-{number}.png"))
        shadow.offer(replace(JUDGED, station="slow"), frame("slow.png"))
    taken = [shadow.take(0), shadow.take(0)]
    assert [pair and pair[0].source for pair in taken] == ["fast-2.png", "slow.png"]


def test_who_waits_gets_a_picture_as_soon_as_it_is_there() -> None:
    shadow, got = Shadow(), list[object]()
    shadow.switch(on=True)
    waiting = threading.Thread(target=lambda: got.append(shadow.take(30.0)))
    waiting.start()
    shadow.offer(JUDGED, one := frame())
    waiting.join()
    assert got == [(one, JUDGED)]


def test_lost_pictures_and_late_verdicts_are_not_judged_again() -> None:
    shadow = Shadow()
    shadow.switch(on=True)
    shadow.offer(JUDGED, lost())
    shadow.offer(LATE, frame())
    assert shadow.take(0) is None


def test_a_picture_of_an_earlier_trial_is_forgotten() -> None:
    shadow = Shadow()
    shadow.switch(on=True)
    shadow.offer(JUDGED, frame())
    shadow.switch(on=False)
    shadow.switch(on=True)
    assert shadow.take(0) is None


def test_both_verdicts_stand_on_a_line(tmp_path: Path) -> None:
    tried = Looked(replace(FULL, verdict=Verdict(Decision.OK, "good", 0.8)), 12.34, 20.0)
    ShadowLog(tmp_path).add(FULL, tried, bundle="sha256:ab")
    line = json.loads((tmp_path / "trial.jsonl").read_text(encoding="utf-8"))
    assert (line["id"], line["bundle"], line["same"]) == (FULL.id, "sha256:ab", FULL.verdict.decision is Decision.OK)
    assert line["running"]["decision"] == FULL.verdict.decision.value
    assert line["trial"] == {"decision": "OK", "label": "good", "confidence": 0.8, "reasons": [], "ms": 12.3}


def test_the_log_is_kept_small(tmp_path: Path) -> None:
    log, tried = ShadowLog(tmp_path, max_bytes=3_000), Looked(FULL, 1.0, 1.0)
    for number in range(200):
        log.add(replace(FULL, id=f"{number}"), tried, bundle="sha256:ab")
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["trial.jsonl", *(f"trial.jsonl.{number}" for number in range(1, KEPT + 1))][: len(files)]
    assert len(files) >= KEPT
    assert all(path.stat().st_size < 5_000 for path in tmp_path.iterdir())
    newest = max(int(json.loads(line)["id"]) for path in tmp_path.iterdir() for line in path.read_text(encoding="utf-8").splitlines())
    assert newest == 199


def test_a_log_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TrialError, match="cannot be written"):
        ShadowLog(tmp_path / "missing").add(FULL, Looked(FULL, 1.0, 1.0), bundle="sha256:ab")


def test_the_progress_is_read_as_it_was_written(tmp_path: Path) -> None:
    progress = Progress(digest="sha256:ab", phase="live pictures", at=NOW, pictures=200, disagreed=3, rejected=20, passed=1)
    write_progress(tmp_path, progress)
    assert read_progress(tmp_path) == progress
    assert str(progress) == "200 live pictures, 3 decided otherwise (1.5%), OK to 1 of 20 rejected ones"
    assert str(progress.model_copy(update={"phase": "loading"})) == "loading"
    forget_progress(tmp_path)
    assert read_progress(tmp_path) is None


def test_a_progress_that_is_none_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "trial.json").write_bytes(b"{")
    assert read_progress(tmp_path) is None
    write_progress(tmp_path / "missing", Progress(digest="sha256:ab", phase="loading", at=NOW))
    forget_progress(tmp_path)
