"""`kotoba-edge calibrate`: from judged pictures of known truth to a station's calibration file. No model runs."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime, timezone
from pathlib import Path

from edge.commands.options import add_bundle_options, settings_from
from firmware_config.exit_codes import DONE
from firmware_config.settings import BoxSettings


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    calibrate = commands.add_parser(
        "calibrate", help="make probabilities honest, and an OK safe at a stated escape rate, from judged pictures of known truth"
    )
    calibrate.add_argument("jsonl", type=Path, metavar="JSONL", help="lines of `kotoba-edge inspect`")
    calibrate.add_argument("--labels", type=Path, required=True, metavar="CSV", help="source,label: a label of the station, or ok or ng")
    calibrate.add_argument("--station", type=Path, required=True, metavar="FILE")
    calibrate.add_argument(
        "--escape", type=share, default=0.02, metavar="SHARE", help="of bad pictures, that may become OK (default: %(default)s)"
    )
    calibrate.add_argument(
        "--coverage", type=share, default=0.9, metavar="SHARE", help="of pictures, whose true decision is among the possible (%(default)s)"
    )
    calibrate.add_argument(
        "--kind", choices=("logistic", "isotonic", "temperature"), default="logistic", help="of fit (default: %(default)s)"
    )
    calibrate.add_argument("--out", type=Path, required=True, metavar="FILE", help="the calibration, for [judge] calibration")
    add_bundle_options(calibrate)
    calibrate.set_defaults(command=_calibrate, quiet=True)


def share(text: str) -> float:
    """A share between 0 and 1, as argparse takes types."""
    number = float(text)
    if not 0 < number < 1:
        msg = f"{text} is not between 0 and 1"
        raise argparse.ArgumentTypeError(msg)
    return number


def _calibrate(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.bundle.open import open_trusted_bundle
    from edge.calibration.fit import Sample, make_calibration
    from edge.studies.calibrate_report import TEXTS, report
    from edge.studies.labelled import match, read_labels, read_lines
    from edge.studies.outcomes import count, cross_fitted_verdicts
    from firmware_config.calibration import write_calibration
    from firmware_config.station import read_station

    station, box = read_station(options.station), settings_from(options, settings)
    bundle = open_trusted_bundle(box.bundle, keys=box.keys)
    matched = match(read_lines(options.jsonl), read_labels(options.labels), station, bundle.manifest.models_digest)
    points = [(known.scores.log_likelihoods, known.allowed) for known in matched.pictures]
    now = datetime.now(timezone.utc).replace(microsecond=0)
    made = make_calibration(points, matched.fitted_for, kind=options.kind, escape=options.escape, coverage=options.coverage, made_at=now)
    sample = Sample.of(points, matched.fitted_for.labels)
    judged = [(known.description, known.scores) for known in matched.pictures]
    outcomes = count(cross_fitted_verdicts(judged, sample, made.rule, station), sample.bad.tolist())
    reached = {"escape": outcomes.escape, "overkill": outcomes.overkill, "review": outcomes.review}
    made = made.model_copy(update={"figures": {**made.figures, **{key: round(value, 4) for key, value in reached.items()}}})
    write_calibration(options.out, made)
    language = station.station.language
    lines = report(made, outcomes, faults=matched.faults, unlabelled=matched.unlabelled, language=language)
    lines.append(TEXTS[language].written.format(path=options.out, digest=made.digest))
    sys.stdout.write("\n".join(lines) + "\n")
    return DONE
