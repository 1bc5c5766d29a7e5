"""The table of what a box must survive: runs its rows and writes docs/studies/reliability.md.

`python -m tests.faults.table R1 R2` runs these rows at full size, as `make soak` does; with `--fifth` at the size of `make test`. Without a
row nothing is run, and the page is written again from what was reached before (.kotoba/reliability.json).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.support.repository import ROOT

PAGE = ROOT / "docs/studies/reliability.md"
REACHED = ROOT / ".kotoba/reliability.json"
NOT_RUN = "not run"


@dataclass(frozen=True)
class Row:
    """`tests` are what pytest is to run; `has_full_size` says that those marked `soak` are the full size."""

    experiment: str
    asked: str
    tests: tuple[str, ...] = ()
    has_full_size: bool = False
    why_not: str = ""


SPOOL, SYSTEM, INSPECTION = "tests/edge/spool", "tests/system", "tests/edge/inspection"
ROWS = {
    "R1": Row(
        "kill -9 of the spool's writer, 1,000 times", "200,000 acknowledged, 0 lost", (f"{SPOOL}/test_spool_kill.py",), has_full_size=True
    ),
    "R2": Row("5,000 simulated power cuts", "0 lost; with NORMAL some are", (f"{SPOOL}/test_spool_power.py",), has_full_size=True),
    "R3": Row(
        "EIO, ENOSPC, short write at every disk call of the spool", "0 lost", (f"{SPOOL}/test_failing_calls.py",), has_full_size=True
    ),
    "R4": Row(
        "200 daemon kills and 50 broker kills, 100,000 verdicts",
        "each takes effect once, in order",
        (f"{SYSTEM}/test_chaos.py",),
        has_full_size=True,
    ),
    "R5": Row(
        "a broker that loses what it acknowledged (5,000; 500)",
        "every gap seen and replayed",
        (f"{SYSTEM}/test_forgetful_broker.py",),
        has_full_size=True,
    ),
    "R6": Row(
        "ten scripted bad acknowledgements, 100 times each",
        "all stay pending, then delivered",
        ("tests/edge/sinks/test_bad_acknowledgements.py",),
        has_full_size=True,
    ),
    "R7": Row(
        "20 black-holed links, keepalive 10 s",
        "noticed in 25 s, back in 15 s after healing",
        (f"{SYSTEM}/test_black_hole.py",),
        has_full_size=True,
    ),
    "R8": Row("a backlog of 100,000 of 1 KB", "drained in 120 s, +50 MiB", why_not="no test in this table yet"),
    "R9": Row("the disk is full at 100 moments", "0 lost, no OK while full", (f"{SYSTEM}/test_full_disk.py",), has_full_size=True),
    "R10": Row("250 harmed spools", "noticed or unharmed, up in 5 s", (f"{SPOOL}/test_harmed_spools.py",)),
    "C1": Row("50 stalled cameras", "stale in 5 s, frames 10 s after healing", why_not="no test in this table yet"),
    "C2": Row("50 frozen pictures", "flagged in 2 s, no OK after it", why_not="no test in this table yet"),
    "C3": Row("corrupt RTP and dropped packets", "99 % of damaged frames flagged", why_not="no test in this table yet"),
    "D1": Row("unit files", "understood, closed to 15 and 13", (f"{SYSTEM}/test_units.py",)),
    "D2": Row("hung stages", "the pings stop within an interval", (f"{SYSTEM}/test_hung_stages.py",)),
    "D3": Row("SIGTERM under load, 200 times", "exit 0 in 5 s, 0 lost", (f"{SYSTEM}/test_sigterm.py",), has_full_size=True),
    "D4": Row(
        "hours with a fault every 30 s",
        "RSS +1 MiB/h, 0 lost",
        why_not="killed every two minutes, the box lives too short for a slope of its memory: add `--box-kill 0 --minutes 480`",
    ),
    "M1": Row("60 hostile bundles", "refused before a native parser", why_not="no test in this table yet"),
    "M2": Row("7,000 mutated files", "refused, no hang", ("tests/edge/bundle/test_mutated_bundles.py",), has_full_size=True),
    "M3": Row("300 kills during an install", "never a mixed bundle", why_not="no test in this table yet"),
    "L1": Row("1,000 bad model outputs", "0 OK", (f"{INSPECTION}/test_policy.py::test_a_thousand_bad_model_outputs_give_no_ok",)),
    "L2": Row("100 defects with printed PASS, OK, orders", "0 OK", why_not="measured in docs/studies/typographic-attack.md"),
    "L3": Row(
        "one picture 100 times on the CPU",
        "100 identical verdicts",
        (f"{SYSTEM}/test_demo.py::test_inspect_says_the_same_of_the_same_picture_100_times",),
    ),
    "W1": Row(
        "the commands in a network of loopback only, watched for two minutes",
        "0 connections, 0 look-ups outside",
        (f"{SYSTEM}/test_silence.py",),
        has_full_size=True,
    ),
}


@dataclass(frozen=True)
class Figure:
    """What a run of a row gave: `size` is "full" or "a fifth"."""

    size: str
    reached: tuple[str, ...]
    failed: int
    seconds: float
    date: str


def run(name: str, *, full: bool) -> Figure:
    """Run the tests of a row and read what they wrote down."""
    row = ROWS[name]
    size = "full" if full or not row.has_full_size else "a fifth"
    marks = [] if not row.has_full_size else ["-m", "soak or not (long or slow)" if full else "not soak"]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", *row.tests, *marks, f"--junitxml={report}", "-o", "junit_family=xunit1"]
        subprocess.run(command, cwd=ROOT, check=False, timeout=8 * 3_600)
        cases = [case for case in ET.parse(report).iter("testcase") if case.find("skipped") is None]  # noqa: S314 -- pytest's own
    failed = sum(case.find("failure") is not None or case.find("error") is not None for case in cases)
    said = [each.get("value", "") for case in cases for each in case.iter("property") if each.get("name", "").split()[0] == name]
    seconds = sum(float(case.get("time", 0)) for case in cases)
    date = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    return Figure(size, tuple(said) or (f"{len(cases) - failed} of {len(cases)} tests pass",), failed, seconds, date)


def read_soak(folder: Path) -> Figure:
    """What `python -m tests.faults.soak` has written."""
    account = json.loads((folder / "soak.json").read_text())
    *_, last = (folder / "soak.csv").read_text().splitlines()
    seconds, bad = float(last.split(",")[0]), account["missing"] + account["doubled"] + account["ok_outside_the_gate"]
    faults = f"{account['broker_kills']} broker kills, {account['box_kills']} box kills, {account['camera_faults']} camera faults"
    counts = f"{account['fed']:,} pictures, {account['missing']} missing, {account['doubled']} doubled"
    said = (
        f"{seconds / 60:.0f} minutes, {faults}: {counts}, {account['ok_outside_the_gate']} black ones OK",
        f"memory {account['rss_slope_mib_per_h']:+.0f} MiB/h, descriptors {account['descriptors'][0]} to {account['descriptors'][1]}",
    )
    date = datetime.fromtimestamp((folder / "soak.json").stat().st_mtime, timezone.utc).strftime("%Y-%m-%d")
    return Figure(f"{seconds / 60:.0f} min", said, int(bool(bad or account["exit_code"])), seconds, date)


def keep(name: str, figure: Figure) -> None:
    """Write a figure down beside those that are there: another run may have written some meanwhile."""
    REACHED.parent.mkdir(exist_ok=True)
    everything = {each: asdict(known) for each, known in reached().items()} | {name: asdict(figure)}
    REACHED.write_text(json.dumps(everything, indent=1))


def reached() -> dict[str, Figure]:
    """The latest run of each row."""
    known = json.loads(REACHED.read_text()) if REACHED.exists() else {}
    return {name: Figure(**{**known[name], "reached": tuple(known[name]["reached"])}) for name in ROWS if name in known}


def page(figures: dict[str, Figure]) -> str:
    """The page, from the latest run of each row."""
    lines = [
        "# What a box survives",
        "",
        "Written by `python -m tests.faults.table`. Each row is an experiment with real parts (files, processes, mosquitto);",
        "docs/faults.md lists the tools. `make soak` runs the full sizes, `make test` about a fifth. A figure says which size it is of.",
        "",
        "| row | experiment | asked | size | reached | s | date |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in ROWS.items():
        figure = figures.get(name)
        if figure is None:
            lines.append(f"| {name} | {row.experiment} | {row.asked} | | {NOT_RUN}: {row.why_not or 'no full run yet'} | | |")
            continue
        said = figure.reached if not row.why_not else (*figure.reached, row.why_not)
        reached = "<br>".join(said) + (f"<br>**{figure.failed} failed**" if figure.failed else "")
        lines.append(f"| {name} | {row.experiment} | {row.asked} | {figure.size} | {reached} | {figure.seconds:.0f} | {figure.date} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run rows, then write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.table", description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[[], *(name for name, row in ROWS.items() if row.tests)], help="R1, R2, ...")
    parser.add_argument("--fifth", action="store_true", help="The size of `make test`. Default: the full size.")
    parser.add_argument("--soak", type=Path, metavar="FOLDER", help="Take row D4 from a folder that tests.faults.soak has written.")
    options = parser.parse_args(arguments)
    if options.soak is not None:
        keep("D4", read_soak(options.soak))
    for name in options.rows:
        keep(name, run(name, full=not options.fifth))
    figures = reached()
    PAGE.write_text(page(figures), encoding="utf-8")
    return int(any(figures[name].failed for name in options.rows))


if __name__ == "__main__":
    sys.exit(main())
