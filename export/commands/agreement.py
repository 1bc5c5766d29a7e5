"""`kotoba-export agreement`: let people judge the same parts, and say how far they and the box agree."""

from __future__ import annotations

import argparse
from pathlib import Path

from export.commands.options import Commands
from firmware_config.exit_codes import DONE
from firmware_config.verbs import Verbs, add_verb

LANGUAGES = ("en", "ja")


def register(commands: Commands) -> None:
    """Add the verb and its two verbs."""
    agreement = add_verb(
        commands,
        "agreement",
        summary="Study how far people and the box agree about the same parts (attribute gage R&R).",
        example="kotoba-export agreement report ratings.csv --out agreement",
    )
    verbs = agreement.add_subparsers(required=True, metavar="VERB")
    _register_ask(verbs)
    _register_report(verbs)


def _register_ask(verbs: Verbs) -> None:
    ask = add_verb(
        verbs,
        "ask",
        summary="Show the pictures of a folder one after the other, each several times, and write down what a person says of them.",
        details="The order is random and the name of a file is not shown, so that nobody is led. Each answer is saved at once; the same "
        "command goes on where it was stopped. Keys: O OK, N NG, S later, U back, Q stop.",
        example="kotoba-export agreement ask parts/ --appraiser Sato --out ratings.csv",
    )
    ask.add_argument("folder", type=Path, metavar="FOLDER", help="The folder of pictures, one for each part; subfolders count.")
    ask.add_argument("--appraiser", required=True, metavar="NAME", help="Who answers.")
    ask.add_argument(
        "--out", type=Path, required=True, metavar="CSV", help="The file that answers are added to; several people may share it."
    )
    ask.add_argument("--trials", type=int, default=2, metavar="N", help="How often each picture is shown. Default: %(default)s.")
    ask.add_argument("--seed", type=int, default=1, metavar="N", help="The seed of the order. Default: %(default)s.")
    ask.add_argument(
        "--viewer",
        metavar="PROGRAM",
        help="The program that shows a picture; none: only its path. Default: xdg-open where there is a display.",
    )
    ask.add_argument("--language", choices=LANGUAGES, default="en", help="The language of the form. Default: %(default)s.")
    ask.set_defaults(command=_ask)


def _register_report(verbs: Verbs) -> None:
    report = add_verb(
        verbs,
        "report",
        summary="Compute within, between and against the standard from a CSV of answers, and write agreement.md and agreement.json.",
        details="The CSV has the columns part,appraiser,trial,answer and perhaps standard; answer and standard are OK or NG.",
        example="kotoba-export agreement report ratings.csv --standard standard.csv --box verdicts.jsonl --out agreement",
    )
    report.add_argument("ratings", type=Path, metavar="CSV", help="The answers.")
    report.add_argument(
        "--standard",
        type=Path,
        metavar="CSV",
        help="What each part really is, with the columns part,standard. Default: the column standard of the answers, if there is one.",
    )
    report.add_argument(
        "--box",
        type=Path,
        metavar="JSONL",
        help="Verdicts of `kotoba-edge inspect` about the same parts: the box becomes one more appraiser. Default: people only.",
    )
    report.add_argument("--out", type=Path, required=True, metavar="DIR", help="The folder that the page and the figures are written to.")
    report.add_argument("--language", choices=LANGUAGES, default="en", help="The language of the page. Default: %(default)s.")
    report.set_defaults(command=_report)


def _ask(options: argparse.Namespace) -> int:
    from export.agreement.form import ask

    ask(
        options.folder,
        appraiser=options.appraiser,
        out=options.out,
        trials=options.trials,
        seed=options.seed,
        viewer=options.viewer,
        language=options.language,
    )
    return DONE


def _report(options: argparse.Namespace) -> int:
    from export.agreement.box import with_box
    from export.agreement.page import report_of, write_report
    from export.agreement.ratings import read_study
    from export.agreement.tables import tables_of

    study, verdicts = read_study(options.ratings, options.standard), None
    if options.box is not None:
        study, verdicts = with_box(study, options.box)
    files = [path for path in (options.ratings, options.standard, options.box) if path is not None]
    print(write_report(report_of(tables_of(study), box=verdicts, files=files), options.out, options.language))
    return DONE
