"""A backlog goes out while new verdicts come: none is missing, and memory does not grow with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks.backlog import measure

MORE_MEMORY_MIB = 50


@pytest.mark.parametrize(
    ("verdicts", "protocol"),
    [
        pytest.param(20_000, "5", marks=pytest.mark.long),
        pytest.param(100_000, "5", marks=pytest.mark.soak),
        pytest.param(100_000, "3.1.1", marks=pytest.mark.soak),
    ],
)
def test_a_backlog_goes_out_whole(tmp_path: Path, verdicts: int, protocol: str, record_property: Callable[[str, object], None]) -> None:
    figures = measure(verdicts, folder=tmp_path, protocol=protocol)
    for name, value in asdict(figures).items():
        record_property(name, value)
    live = f"p99 of live verdicts {figures.live_p99_ms:.0f} ms, of idle ones {figures.idle_p99_ms:.0f} ms"
    drained = f"drained in {figures.drained_s:.0f} s ({figures.per_s:,.0f}/s), +{figures.more_memory_mib:.0f} MiB"
    record_property("R8", f"MQTT {protocol}, {verdicts:,} verdicts: {drained}; {live}; {figures.missing} missing")
    assert figures.missing == 0
    assert figures.more_memory_mib <= MORE_MEMORY_MIB
