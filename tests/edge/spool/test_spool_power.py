"""Power cuts at random writes: why the spool synchronises every commit (synchronous=FULL)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.power_cut import power_cuts

# What SQLite still tries when it closes a file on a disk without power, nobody hears.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.mark.parametrize("cuts", [pytest.param(1000, marks=pytest.mark.long), pytest.param(5000, marks=pytest.mark.soak)])
def test_no_acknowledged_verdict_is_lost_at_a_power_cut(tmp_path: Path, cuts: int, record_property: Callable[[str, object], None]) -> None:
    outcome = power_cuts(tmp_path, cuts, "FULL")

    record_property("R2", f"{cuts:,} power cuts, {outcome.acknowledged:,} acknowledged, {outcome.lost} lost")
    assert outcome.acknowledged > 5 * cuts
    assert outcome.lost == 0
    assert outcome.renumbered == 0
    assert outcome.moved_aside == 0  # nor is a torn log taken for damage


def test_the_same_cuts_lose_verdicts_where_commits_are_not_synchronised(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    outcome = power_cuts(tmp_path, 100, "NORMAL")
    record_property("R2 control", f"with synchronous=NORMAL 100 power cuts lose {outcome.lost} of {outcome.acknowledged:,} acknowledged")
    assert outcome.lost > 0
