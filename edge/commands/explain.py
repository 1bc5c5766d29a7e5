"""`kotoba-edge explain`: what a stored verdict was made of, and which words moved it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from edge.commands.history_options import add_history_options, history_from
from edge.commands.options import settings_from
from firmware_config.exit_codes import DONE
from firmware_config.settings import BoxSettings


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    explain = commands.add_parser("explain", help="say which words moved a stored verdict, as text, JSON or a picture")
    explain.add_argument("id", metavar="ID", help="its beginning is enough")
    add_history_options(explain)
    explain.add_argument("--language", choices=("en", "ja"), help="default: the station's")
    explain.add_argument("--json", action="store_true", help="one JSON object on stdout")
    explain.add_argument("--png", type=Path, metavar="OUT", help="draw it, in English")
    explain.add_argument("--picture", type=Path, metavar="FILE", help="what the camera saw, drawn beside the words")
    explain.set_defaults(command=_explain, quiet=True)


def _explain(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.review.explain import explain
    from edge.review.explain_picture import evidence_of, write_explanation
    from edge.review.explain_text import as_json, as_text
    from edge.review.rejudge import open_rejudge
    from firmware_config.station import read_station

    settings = settings_from(options, settings)
    station = read_station(options.station)
    (inspection,) = history_from(options, settings).find([options.id])
    pixels = None if options.picture is None else evidence_of(inspection, options.picture)
    rejudge = open_rejudge(station, settings=settings)
    explanation = explain(rejudge, inspection)
    language = options.language or station.station.language
    if options.json:
        print(json.dumps(as_json(explanation, language=language), ensure_ascii=False))
    else:
        print(as_text(explanation, language=language))
    if options.png is not None:
        write_explanation(options.png, explanation, pixels=pixels)
    return DONE
