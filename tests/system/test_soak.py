"""Three stations while broker, box and cameras fail in turn: every picture has one verdict in the end, and no black one passed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.soak import Sample, Schedule, slope, soak, write


@pytest.mark.parametrize(
    ("seconds", "schedule"),
    [
        pytest.param(10.0, Schedule(broker_s=4.0, box_s=6.0, camera_s=3.0), marks=pytest.mark.long, id="10 s"),
        pytest.param(600.0, Schedule(), marks=pytest.mark.soak, id="10 min"),
    ],
)
def test_nothing_is_missing_doubled_or_passed(
    tmp_path: Path, seconds: float, schedule: Schedule, record_property: Callable[[str, object], None]
) -> None:
    (tmp_path / "work").mkdir()
    account = soak(tmp_path / "work", seconds=seconds, schedule=schedule)
    write(account, tmp_path)

    kills = f"{account.broker_kills} broker kills, {account.box_kills} box kills, {account.camera_faults} camera faults"
    record_property("D4", f"{seconds:.0f} s, {kills}: {account.fed:,} pictures, {account.missing} missing, {account.doubled} doubled")
    assert account.is_good(), account
    assert account.fed == account.verdicts > 3 * seconds
    assert min(account.broker_kills, account.box_kills, account.camera_faults) >= 1
    assert (tmp_path / "soak.csv").read_text().count("\n") == len(account.samples) + 1
    assert (tmp_path / "soak.png").exists()


def test_memory_that_grows_within_each_life_shows_as_a_slope() -> None:
    samples = [
        Sample(life * 100.0 + age, life, age, life * 1_000_000 + int(age) * 1_048_576, 10, 5) for life in (1, 2) for age in range(90)
    ]
    assert slope(samples) == pytest.approx(3_600)
    assert slope(samples[:20]) is None
