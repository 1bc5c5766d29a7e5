"""A box that runs tells a change of words over MQTT, and goes on judging; what it counts outlasts its end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from edge.drift.state_file import Counted, read_counted, write_counted
from edge.drift.windows import OpenWindow, Window
from tests.support.counted_windows import SHIFT, window
from tests.support.mosquitto import Mosquitto
from tests.support.reloaded_box import ReloadedBox, build_tiny

STATION = "cell-01"
QUIET, UNEVEN = 20, 60


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    started = Mosquitto(tmp_path / "broker")
    started.start()
    yield started
    started.kill()


def counted_until(now: datetime) -> Counted:
    """Fourteen shifts as usual, one with uneven light, and one more that was over an hour ago while the box was off."""
    late = timedelta(hours=1)

    def at(number: int, uneven: int) -> Window:
        made = window(number, {"uneven light": uneven})
        start = now - late - (16 - number) * SHIFT
        return Window(start, start + SHIFT, made.basis, made.parts, made.counts)

    last = at(15, UNEVEN)
    windows = [*(at(number, QUIET) for number in range(14)), at(14, UNEVEN)]
    current = OpenWindow(last.start, last.end, last.basis, last.parts)
    current.counts.update(last.counts)
    return Counted(windows, current)


@pytest.mark.long
def test_a_running_box_tells_a_change_and_goes_on_judging(tmp_path: Path, broker: Mosquitto) -> None:
    (tmp_path / "sound").mkdir()
    box = ReloadedBox(tmp_path, build_tiny(tmp_path / "sound"), broker)
    box.write(STATION, sections="\n[drift]\nmin_parts = 20\nreference_windows = 14\n")
    counts = tmp_path / "spool" / "drift.json"
    counts.parent.mkdir()
    write_counted(counts, {STATION: counted_until(datetime.now(timezone.utc))})

    with box.running() as process:
        box.wait_until(lambda: box.events, process)
        for _ in range(3):
            box.feed(STATION)
        box.wait_for_verdicts(process)

    (event,) = box.events
    (change,) = event["changes"]
    assert (event["event"], event["station"], event["number"]) == ("drift", STATION, 1)
    assert "'uneven light' three times as often on cell-01 (120 of 800, before 280 of 5600)" in event["text"]
    assert (change["news"], change["word"], change["count"], change["count_before"]) == ("changed", "uneven light", 120, 280)
    assert f"words changed station={STATION}" in box.log
    kept = read_counted(counts)[STATION]
    assert len(kept.windows) == 16
    assert kept.current is not None
    assert kept.current.parts == 3
