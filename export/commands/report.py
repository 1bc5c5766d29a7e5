"""`kotoba-export report`: what a pilot found, as a report for people."""

from __future__ import annotations

import argparse
from pathlib import Path

from export.commands.options import Commands
from firmware_config.exit_codes import DONE, FAILED
from firmware_config.verbs import add_verb


def register(commands: Commands) -> None:
    """Add the verb."""
    report = add_verb(
        commands,
        "report",
        summary="Write the report of a pilot again, as one HTML file and as PDF, in English or Japanese.",
        details="Reads pilot.json and the pictures beside it; measures nothing. The files hold their pictures and fonts: they need no "
        "network. The PDF needs the system's library Pango; without it only the HTML file is written, and the exit code is 1.",
        example="kotoba-export report pilot --language ja",
    )
    report.add_argument("pilot", type=Path, metavar="DIR", help="The folder of a pilot.")
    report.add_argument("--language", choices=("en", "ja"), default="en", help="The language of the report. Default: %(default)s.")
    report.add_argument(
        "--cost",
        type=Path,
        metavar="SPEC.toml",
        help="The specification of a cost study (docs/cost.md). Default: cost.toml in the folder of the pilot, if there is one.",
    )
    report.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> int:
    from export.findings.findings import read_findings
    from export.report.money import COSTS
    from export.report.pdf import missing_pango
    from export.report.write import write_report

    findings = read_findings(options.pilot)
    folder = options.pilot if options.pilot.is_dir() else options.pilot.parent
    costs = options.cost or (folder / COSTS if (folder / COSTS).is_file() else None)
    as_html, as_pdf = write_report(findings, folder, language=options.language, costs=costs)
    print(as_html)
    if as_pdf is None:
        print(missing_pango())
        return FAILED
    print(as_pdf)
    return DONE
