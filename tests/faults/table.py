"""The table of what a box must survive: runs its rows and writes docs/studies/reliability.md.

`python -m tests.faults.table R1 R2` runs these rows at full size, as `make soak` does; with `--fifth` at the size of `make test`. Without a
row nothing is run, and the page is written again from what was reached before (.kotoba/reliability.json). Rows of cameras, of soaks and
of models have their figures on pages of their own, from which they are taken.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.faults.table_rows import ROWS, STUDIES
from tests.support.repository import ROOT

PAGE = STUDIES / "reliability.md"
REACHED = ROOT / ".kotoba/reliability.json"
ELSEWHERE = "see the page"


@dataclass(frozen=True)
class Figure:
    """What a run of a row gave: `size` is "full" or "a fifth", `load` what else the machine had to do."""

    size: str
    reached: tuple[str, ...]
    failed: int
    seconds: float
    date: str
    load: str = ""


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
    load = f"load {os.getloadavg()[2]:.0f} on {os.cpu_count()} cores"
    return Figure(size, tuple(said) or (f"{len(cases) - failed} of {len(cases)} tests pass",), failed, seconds, date, load)


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
        "| row | experiment | asked | size | reached | s | date, load of the machine |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in ROWS.items():
        figure = figures.get(name) if row.tests else None
        said = figure.reached if figure is not None else ("not run: no full run yet",) if row.tests else ()
        said += (row.study.told() if row.study is not None else ()) + ((row.note,) if row.note else ())
        if figure is not None and figure.failed:
            said += (f"**{figure.failed} failed**",)
        size, seconds, date = (
            (figure.size, f"{figure.seconds:.0f}", ", ".join(filter(None, (figure.date, figure.load))))
            if figure is not None
            else (ELSEWHERE, "", "")
        )
        lines.append(f"| {name} | {row.experiment} | {row.asked} | {size} | {'<br>'.join(said)} | {seconds} | {date} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run rows, then write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.table", description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[[], *(name for name, row in ROWS.items() if row.tests)], help="R1, R2, ...")
    parser.add_argument("--fifth", action="store_true", help="The size of `make test`. Default: the full size.")
    options = parser.parse_args(arguments)
    for name in options.rows:
        keep(name, run(name, full=not options.fifth))
    figures = reached()
    PAGE.write_text(page(figures), encoding="utf-8")
    return int(any(figures[name].failed for name in options.rows))


if __name__ == "__main__":
    sys.exit(main())
