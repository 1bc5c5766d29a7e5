"""`kotoba-edge explain`: which words moved a stored verdict."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from edge.commands.history_options import ID_HELP, add_history_options, history_from
from edge.commands.options import Commands, add_command, settings_from
from firmware_config.exit_codes import DONE
from firmware_config.settings import BoxSettings


def register(commands: Commands) -> None:
    """Add the verb."""
    explain = add_command(
        commands,
        "explain",
        summary="Print which words moved a stored verdict, as text, as JSON or as a picture.",
        details="The words are judged again without each word in turn. The models and the station's settings must be those of the verdict.",
        example="kotoba-edge explain cell-01:42 --jsonl lines.jsonl --station cell.toml --png why.png --picture cell0001.png",
        run=_explain,
    )
    explain.add_argument("id", metavar="ID", help=ID_HELP)
    add_history_options(explain)
    explain.add_argument("--language", choices=("en", "ja"), help="The language of the text. Default: the station's language.")
    explain.add_argument("--json", action="store_true", help="Print one JSON object instead of the text.")
    explain.add_argument("--png", type=Path, metavar="OUT", help="Also draw the explanation, in English, and write it to this PNG file.")
    explain.add_argument(
        "--picture",
        type=Path,
        metavar="FILE",
        help="Draw the judged picture beside the words. Its digest is checked.",
    )


def _explain(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.review.explain import explain
    from edge.review.explain_picture import evidence_of, write_explanation
    from edge.review.explain_text import as_json, as_text
    from edge.review.rejudge import open_rejudger
    from firmware_config.station import read_station

    station = read_station(options.station)
    (inspection,) = history_from(options, settings).find([options.id])
    pixels = None if options.picture is None else evidence_of(inspection, options.picture, station=station)
    explanation = explain(open_rejudger(station, settings=settings_from(options, settings)), inspection)
    language = options.language or station.station.language
    if options.json:
        print(json.dumps(as_json(explanation, language=language), ensure_ascii=False))
    else:
        print(as_text(explanation, language=language))
    if options.png is not None:
        write_explanation(options.png, explanation, pixels=pixels)
    return DONE
