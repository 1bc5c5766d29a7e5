"""`kotoba-export pilot`: try a bundle on labelled pictures, and say whether it does."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from export.commands.options import Commands, Progress
from firmware_config.exit_codes import DONE
from firmware_config.verbs import add_verb


def register(commands: Commands) -> None:
    """Add the verb."""
    pilot = add_verb(
        commands,
        "pilot",
        summary="Try a bundle on labelled pictures of any product: go, no-go or not enough seen, with a report as HTML and PDF.",
        details="`kotoba-export new SPEC.toml --pilot PICTURES` writes a specification. Everything goes into DIR: the words of the "
        "pictures, pilot.json, the reports. The same command goes on where it was stopped. See docs/pilot.md.",
        example="kotoba-export pilot pilot.toml --out pilot",
    )
    pilot.add_argument("spec", type=Path, metavar="SPEC.toml", help="The specification of the pilot.")
    pilot.add_argument("--out", type=Path, required=True, metavar="DIR", help="The folder of the pilot, new or begun before.")
    pilot.add_argument(
        "--check",
        action="store_true",
        help="Only check the specification, and print what would be done and about how long it takes. Default: run it.",
    )
    pilot.set_defaults(command=_pilot)


def _pilot(options: argparse.Namespace) -> int:
    if options.check:
        from export.pilot.plan import plan_lines

        for line in plan_lines(options.spec):
            print(line)
        return DONE

    from export.pilot.run import run, write_reports
    from export.pilot.spec import read_pilot_spec
    from export.report.pdf import missing_pango

    command = shlex.join(["kotoba-export", "pilot", str(options.spec), "--out", str(options.out)])
    with Progress() as report:
        findings = run(options.spec, options.out, command=command, report=report)
        reports = write_reports(findings, read_pilot_spec(options.spec), options.out)
    if not any(path.suffix == ".pdf" for path in reports):
        print(missing_pango(), file=sys.stderr)
    given = findings.answer
    codes = ", ".join(reason.code for reason in given.reasons)
    print(f"{findings.name}: {given.outcome}" + (f" ({codes})" if codes else ""))
    for path in (options.out / "pilot.json", *reports):
        print(path)
    return DONE
