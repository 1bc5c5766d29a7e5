"""`kotoba-edge calibrate`: from judged pictures whose right label is known to a station's calibration file. No model runs."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime, timezone
from pathlib import Path

from edge.commands.options import Commands, add_bundle_options, add_command, add_labels_option, add_station_option, settings_from
from firmware_config.calibration import COVERAGE, ESCAPE
from firmware_config.exit_codes import DONE
from firmware_config.settings import BoxSettings


def register(commands: Commands) -> None:
    """Add the verb."""
    calibrate = add_command(
        commands,
        "calibrate",
        summary="Calibrate a station on judged pictures whose right label is known, so that at most a stated share of bad pictures is OK.",
        details="At least 10 good and 10 bad pictures are needed, some hundred are better. No model runs.",
        example="kotoba-edge calibrate lines.jsonl --labels labels.csv --station cell.toml --escape 0.02 --out cell-calibration.json",
        run=_calibrate,
    )
    calibrate.add_argument("jsonl", type=Path, metavar="JSONL", help="The lines that `kotoba-edge inspect` wrote for these pictures.")
    add_labels_option(calibrate, required=True)
    add_station_option(calibrate)
    calibrate.add_argument(
        "--escape",
        type=share,
        default=ESCAPE,
        metavar="SHARE",
        help="The guaranteed escape rate: at most this share of bad pictures (0 to 1) becomes OK. Default: %(default)s.",
    )
    calibrate.add_argument(
        "--coverage",
        type=share,
        default=COVERAGE,
        metavar="SHARE",
        help="The share of pictures (0 to 1) whose right decision the prediction set must hold. Default: %(default)s.",
    )
    calibrate.add_argument(
        "--kind",
        choices=("logistic", "isotonic", "temperature"),
        default="logistic",
        help="The curve that is fitted to the probabilities: logistic suits few pictures, isotonic many. Default: %(default)s.",
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
    from edge.bundle.open import open_trusted_bundle
    from edge.studies.calibrate_report import report
    from edge.studies.calibrated import calibrate
    from edge.studies.labelled import match, read_labels, read_lines
    from edge.texts.calibrate import TEXTS
    from firmware_config.calibration import write_calibration
    from firmware_config.obstacles import obstacles
    from firmware_config.station import read_station

    station, box = read_station(options.station), settings_from(options, settings)
    bundle = open_trusted_bundle(box.bundle, keys=box.keys)
    labelled = match(read_lines(options.jsonl), read_labels(options.labels), station, bundle.manifest.models_digest)
    now = datetime.now(timezone.utc).replace(microsecond=0)
    calibration, outcomes = calibrate(labelled, station, kind=options.kind, escape=options.escape, coverage=options.coverage, made_at=now)
    write_calibration(options.out, calibration)
    language = station.station.language
    hindrances = obstacles(station, bundle.manifest, calibration)
    lines = report(calibration, outcomes, obstacles=hindrances, labelled=labelled, language=language)
    lines.append(TEXTS[language].written.format(path=options.out, digest=calibration.digest))
    sys.stdout.write("\n".join(lines) + "\n")
    return DONE
