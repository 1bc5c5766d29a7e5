"""What the live camera of a soak calls passed: frozen, old and spoilt pictures that were OK, and no others."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from edge.records import Decision, Inspection, Reason, Verdict
from tests.faults.soak_account import Account, read, write
from tests.faults.soak_camera import MAX_AGE_S, LiveCamera, Spell, saw
from tests.support.inspections import inspection
from tests.support.sample_records import description

PIXELS = np.zeros((240, 320, 3), np.uint8)


def verdict(at_s: float, *reasons: Reason, what: str = saw(PIXELS)) -> Inspection:
    decision = Decision.FAULT if reasons else Decision.OK
    at = datetime.fromtimestamp(at_s, timezone.utc)
    return replace(inspection(1), captured_at=at, verdict=Verdict(decision, None, None, reasons), description=description(what))


def camera(*spells: Spell, seen_s: float = 100.0) -> LiveCamera:
    live = LiveCamera()
    live.spells = list(spells)
    live.witnessed(PIXELS, seen_s)
    return live


@pytest.mark.parametrize(
    ("verdicts", "frozen", "not_noticed"),
    [
        ([verdict(101.0), verdict(101.5, Reason.FROZEN), verdict(103.0, Reason.FROZEN), verdict(106.5)], 0, 0),
        ([verdict(101.5, Reason.FROZEN), verdict(103.0), verdict(104.0)], 2, 0),
        ([verdict(101.0), verdict(103.0)], 1, 1),
    ],
    ids=["noticed", "OK after the notice", "not noticed"],
)
def test_an_ok_after_a_frozen_picture_was_or_should_have_been_noticed_counts(
    verdicts: list[Inspection], frozen: int, not_noticed: int
) -> None:
    found = camera(Spell("freeze", 100.0, 106.0)).passed(verdicts)
    assert (found.frozen, found.not_noticed, found.old, found.spoilt) == (frozen, not_noticed, 0, {})


def test_an_ok_of_an_old_picture_counts() -> None:
    found = camera(Spell("stall", 100.0, 106.0)).passed([verdict(101.0), verdict(100.1 + MAX_AGE_S)])
    assert (found.ok, found.compared, found.old) == (2, 2, 1)


def test_an_ok_of_another_picture_than_the_stream_had_counts_by_its_fault() -> None:
    other = saw(PIXELS + 1)
    found = camera(Spell("drop", 90.0, 96.0), Spell("garbage", 100.0, 106.0)).passed(
        [verdict(91.0, what=other), verdict(101.0, what=other)]
    )
    assert found.spoilt == {"drop": 1, "garbage": 1}
    assert len(found.spoilt_pictures) == 2


def test_what_passed_stands_in_what_is_written(tmp_path: Path) -> None:
    found = camera(Spell("garbage", 100.0, 106.0)).passed([verdict(101.0, what=saw(PIXELS + 1))])
    account = Account(live={"verdicts": 1, **asdict(found)})
    write(account, tmp_path)
    assert read(tmp_path).live == account.live


@pytest.mark.long
def test_a_fault_that_has_ended_stays_ended() -> None:
    with LiveCamera() as live:
        live.heal()
        live.spoil()
        live.heal()
        (before,) = live.spells
        ended_s = before.ended_s
        live.heal()
        assert live.spells == [replace(before, ended_s=ended_s)]
