"""`kotoba-edge calibrate`: from judged pictures to a station's calibration file, or from one to another condition. No model runs."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime, timezone
from pathlib import Path

from edge.commands.options import Commands, add_bundle_options, add_command, add_labels_option, add_station_option, settings_from
from edge.errors import EdgeError
from firmware_config.calibration import COVERAGE, ESCAPE, GOOD
from firmware_config.exit_codes import DONE
from firmware_config.settings import BoxSettings


def register(commands: Commands) -> None:
    """Add the verb."""
    calibrate = add_command(
        commands,
        "calibrate",
        summary="Calibrate a station on judged pictures whose right label is known, so that at most a stated share of bad pictures is OK.",
        details="At least 10 good and 10 bad pictures are needed, some hundred are better. With --carry-over in place of --labels a "
        "calibration is carried over to another condition (light, camera, material) by 50 or more pictures whose labels nobody knows. "
        "No model runs.",
        example="kotoba-edge calibrate lines.jsonl --labels labels.csv --station cell.toml --escape 0.02 --out cell-calibration.json",
        run=_calibrate,
    )
    calibrate.add_argument("jsonl", type=Path, metavar="JSONL", help="The lines that `kotoba-edge inspect` wrote for these pictures.")
    ways = calibrate.add_mutually_exclusive_group(required=True)
    add_labels_option(ways)
    ways.add_argument(
        "--carry-over",
        type=Path,
        metavar="FILE",
        help="A calibration of this station, to be carried over to the condition of these pictures; most of them must be good.",
    )
    calibrate.add_argument(
        "--good",
        type=share,
        metavar="SHARE",
        help=f"With --carry-over: the share of the pictures (0 to 1) that is good at least. Default: {GOOD}.",
    )
    add_station_option(calibrate)
    calibrate.add_argument(
        "--escape",
        type=share,
        metavar="SHARE",
        help=f"The guaranteed escape rate: at most this share of bad pictures (0 to 1) becomes OK. Default: {ESCAPE}.",
    )
    calibrate.add_argument(
        "--coverage",
        type=share,
        metavar="SHARE",
        help=f"The share of pictures (0 to 1) whose right decision the prediction set must hold. Default: {COVERAGE}.",
    )
    calibrate.add_argument(
        "--kind",
        choices=("logistic", "isotonic", "temperature"),
        help="The curve that is fitted to the probabilities: logistic suits few pictures, isotonic many. Default: logistic.",
    )
    calibrate.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="The calibration file to write, for [judge] calibration in the station file.",
    )
    add_bundle_options(calibrate)


def share(text: str) -> float:
    """Convert an argument to a share, greater than 0 and less than 1.

    Raises:
        argparse.ArgumentTypeError: the number is out of range.
        ValueError: the text is not a number.
    """
    number = float(text)
    if not 0 < number < 1:
        msg = f"{text} is not between 0 and 1"
        raise argparse.ArgumentTypeError(msg)
    return number


def _calibrate(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.slots.open import open_running_bundle
    from edge.studies.calibrate_report import carry_report, report
    from edge.studies.calibrated import calibrate, carry_over
    from edge.studies.labelled import judged, match, read_labels, read_lines
    from edge.texts.calibrate import TEXTS
    from firmware_config.calibration import read_calibration, write_calibration
    from firmware_config.obstacles import obstacles
    from firmware_config.station import read_station

    _require_fitting_options(options)
    station, box = read_station(options.station), settings_from(options, settings)
    manifest = open_running_bundle(box).manifest
    language, lines = station.station.language, read_lines(options.jsonl)
    now = datetime.now(timezone.utc).replace(microsecond=0)
    if options.carry_over is None:
        labelled = match(lines, read_labels(options.labels), station, manifest.models_digest)
        escape, coverage = options.escape or ESCAPE, options.coverage or COVERAGE
        made, outcomes = calibrate(labelled, station, kind=options.kind or "logistic", escape=escape, coverage=coverage, made_at=now)
        told = report(made, outcomes, obstacles=obstacles(station, manifest, made), labelled=labelled, language=language)
    else:
        pictures, old, good = judged(lines, station, manifest.models_digest), read_calibration(options.carry_over), options.good or GOOD
        made, decisions = carry_over(old, pictures, station, good=good, path=options.carry_over, made_at=now)
        hindrances = obstacles(station, manifest, made)
        told = carry_report(made, decisions, obstacles=hindrances, pictures=pictures, good=good, language=language)
    write_calibration(options.out, made)
    told.append(TEXTS[language].written.format(path=options.out, digest=made.digest))
    sys.stdout.write("\n".join(told) + "\n")
    return DONE


def _require_fitting_options(options: argparse.Namespace) -> None:
    """An option that would do nothing is refused: who asks for a stricter guarantee must not believe that there is one.

    Raises:
        EdgeError: an option of the other way.
    """
    given, names = ("--labels", ("good",)) if options.carry_over is None else ("--carry-over", ("escape", "coverage", "kind"))
    for name in names:
        if getattr(options, name) is not None:
            msg = f"--{name} does nothing with {given}: leave it out"
            raise EdgeError(msg)
