"""The wall clock of a box jumps, as the C library tells it to every part of the process: no row ages by that, delivered or not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.clock import Clock
from tests.support.repository import ROOT

LIFE = """
import json, sys, time
from contextlib import closing
from pathlib import Path
from edge.spool.store import Spool
from tests.support.inspections import inspection

for line in sys.stdin:
    first = int(line)
    with closing(Spool(Path(sys.argv[1]), keep_s=100, keep_rows=0, ballast_bytes=4096)) as spool:
        spool.register_sinks({"mqtt": ("s1",)})
        before = spool.prune()
        seqs = [spool.commit(inspection(number)).seq for number in range(first, first + 6)]
        for row in spool.pending("mqtt", ("s1",), 3):
            spool.mark_delivered("mqtt", [row])
        pruned = before + spool.prune()
        print(json.dumps([time.gmtime().tm_year, seqs, pruned, spool.status().rows, spool.backlog("mqtt", ("s1",))]), flush=True)
"""


@pytest.mark.long
@pytest.mark.parametrize("change", ["1970-01-01", "+365d", "-1h", "freeze"])
def test_a_clock_that_jumps_costs_no_row(tmp_path: Path, change: str) -> None:
    said = []
    with (
        Clock() as clock,
        subprocess.Popen(
            [sys.executable, "-c", LIFE, str(tmp_path / "spool.sqlite")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env={**os.environ, **clock.environment(), "PYTHONPATH": str(ROOT)},
        ) as box,
    ):
        assert box.stdin is not None
        assert box.stdout is not None
        for life, then in enumerate(("true", change, "true", change)):
            clock.change(then)
            box.stdin.write(f"{life * 6}\n")
            said.append(json.loads(box.stdout.readline()))
        box.stdin.close()

    assert [seqs for _, seqs, *_ in said] == [list(range(first, first + 6)) for first in (1, 7, 13, 19)]
    assert [tuple(rest) for _, _, *rest in said] == [(0, 6, 3), (0, 12, 6), (0, 18, 9), (0, 24, 12)]
    if change == "1970-01-01":
        assert said[1][0] == 1970
