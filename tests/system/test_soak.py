"""Three stations while broker, box, consumer and cameras fail in turn: in the consumer's database every picture has one verdict in the end,
and no black, frozen or damaged one passed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.soak import Schedule, soak
from tests.faults.soak_account import BOX, Sample, slope, write
from tests.faults.soak_page import page


@pytest.mark.parametrize(
    ("seconds", "schedule", "live"),
    [
        pytest.param(
            12.0, Schedule(broker_s=4.0, box_s=6.0, folder_s=3.5, consumer_s=5.0, box_after_s=0.0), False, marks=pytest.mark.long, id="12 s"
        ),
        pytest.param(600.0, Schedule(), True, marks=pytest.mark.soak, id="10 min"),
    ],
)
def test_nothing_is_missing_doubled_or_passed(
    tmp_path: Path, seconds: float, schedule: Schedule, *, live: bool, record_property: Callable[[str, object], None]
) -> None:
    (tmp_path / "work").mkdir()
    account = soak(tmp_path / "work", seconds=seconds, schedule=schedule, live=live)
    write(account, tmp_path)

    kills = f"{account.broker_kills} broker kills, {account.box_kills} box kills, {account.consumer_kills} consumer kills"
    record_property("D4", f"{seconds:.0f} s, {kills}: {account.fed:,} pictures, {account.missing} missing, {account.doubled} doubled")
    assert account.is_good(), {**vars(account), "samples": None}
    assert account.verdicts >= account.fed > 3 * seconds
    assert min(account.broker_kills, account.box_kills, account.consumer_kills, *account.camera_faults.values()) >= 1
    assert set(account.camera_faults) == ({"folder", "stall", "garbage", "drop", "freeze", "gone"} if live else {"folder"})
    assert (tmp_path / "soak.csv").read_text().count("\n") == len(account.samples) + 1
    assert (tmp_path / "soak.png").exists()
    assert "| **missing** | 0 |" in page([tmp_path], images="soak")


def test_memory_that_grows_within_each_life_shows_as_a_slope() -> None:
    samples = [
        Sample(BOX, life * 100.0 + age, life, age, life * 1_000_000 + int(age) * 1_048_576, 10, 5) for life in (1, 2) for age in range(90)
    ]
    assert slope(samples) == pytest.approx(3_600)
    assert slope(samples[:20]) is None
