"""`kotoba-edge learn`: teach a station by correcting its verdicts, see what it was taught, take it back."""

from __future__ import annotations

import argparse
import getpass
from datetime import datetime, timezone
from pathlib import Path

from edge.commands.history_options import add_history_options, history_from
from edge.commands.options import add_models_options, positive, settings_from
from edge.errors import LessonError
from edge.judges.lessons import Line
from firmware_config.exit_codes import DONE
from firmware_config.settings import BoxSettings
from firmware_config.station import Station


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verbs = commands.add_parser("learn", help="teach a station by correcting verdicts").add_subparsers(required=True, metavar="VERB")
    correct = verbs.add_parser("correct", help="say which label is right; exit 1 when a golden verdict would get worse by it")
    correct.add_argument("id", metavar="ID", help="its beginning is enough")
    correct.add_argument("--label", required=True, metavar="NAME", help="the right label; the verdict's own confirms it")
    correct.add_argument(
        "--as",
        dest="kind",
        choices=("example", "calibration"),
        default="example",
        help="an example in the instruction, or a point for `kotoba-edge calibrate` (default: %(default)s)",
    )
    add_history_options(correct)
    correct.set_defaults(command=_correct, quiet=True)

    undo = verbs.add_parser("undo", help="make a lesson count no longer; the file keeps both")
    undo.add_argument("number", type=positive, metavar="N")
    undo.add_argument("--station", type=Path, required=True, metavar="FILE")
    undo.set_defaults(command=_undo, quiet=True)
    for verb in (correct, undo):
        verb.add_argument("--by", type=_line, default=None, metavar="NAME", help="who says so (default: the user who runs this)")
        verb.add_argument("--why", type=_line, default="", metavar="TEXT")

    show = verbs.add_parser("list", help="everything that the station was taught, and what was undone")
    show.add_argument("--station", type=Path, required=True, metavar="FILE")
    show.add_argument("--json", action="store_true", help="the lines of the file")
    show.set_defaults(command=_list, quiet=True)

    points = verbs.add_parser("calibration-pictures", help="write the calibration pictures for `kotoba-edge calibrate`")
    points.add_argument("--out", type=Path, required=True, metavar="JSONL")
    points.add_argument("--labels", type=Path, required=True, metavar="CSV")
    points.add_argument("--station", type=Path, required=True, metavar="FILE")
    add_models_options(points)
    points.set_defaults(command=_points, quiet=True)


def _line(text: str) -> str:
    """One short line, as argparse takes types."""
    from edge.judges.lessons import MAX_TEXT

    if len(text) > MAX_TEXT or len(text.splitlines()) > 1:
        msg = f"give one line of at most {MAX_TEXT} characters"
        raise argparse.ArgumentTypeError(msg)
    return text


def _who(options: argparse.Namespace) -> str:
    try:
        return str(options.by or getpass.getuser())
    except (KeyError, OSError) as err:  # a user id without a name, as in a container
        msg = "teaching: this user has no name: say who you are with --by NAME"
        raise LessonError(msg) from err


def _correct(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.bundle.open import open_trusted_bundle
    from edge.describers import open_vision_models
    from edge.judges import open_language_model
    from edge.review.teach import Teacher, Teaching
    from firmware_config.board import read_board
    from firmware_config.station import read_station

    station = read_station(options.station)
    path, lines = _lessons(station)
    (inspection,) = history_from(options, settings).find([options.id])
    box = settings_from(options, settings)
    bundle, board = open_trusted_bundle(box.bundle, keys=box.keys), read_board(box.board)
    teacher = Teacher(
        path,
        lines,
        station=station,
        bundle=bundle,
        model=open_language_model(bundle, board=board),
        describer=open_vision_models(bundle, board=board).describer(station.describe),
    )
    teaching = Teaching(inspection, options.label, options.kind, _who(options), options.why)
    learned = teacher.teach(teaching, now=datetime.now(timezone.utc))
    lesson = learned.lesson
    print(
        f"lesson {lesson.number}: {lesson.source} is {lesson.label!r} (the verdict said {lesson.said!r}), kept as {lesson.kind} in {path}"
    )
    if lesson.kind == "calibration":
        print("no verdict changes before `kotoba-edge learn calibration-pictures` and `kotoba-edge calibrate`")
        return DONE
    print(f"golden verdicts: {lesson.golden} judged with and without it, none worse, {len(learned.better)} better")
    print("\n".join(f"  {one}" for one in learned.better), end="\n" if learned.better else "")
    print(f"its own words: were {learned.before.label!r}, are {learned.after.label!r} now")
    print("the instruction is another now: start the daemon anew, and make the calibration again, for without one nothing is OK")
    return DONE


def _undo(options: argparse.Namespace, _settings: BoxSettings) -> int:
    from edge.judges.lessons import Undo, append_lesson, taught
    from firmware_config.station import read_station

    path, lines = _lessons(read_station(options.station))
    counting = [lesson.number for lesson in taught(lines)]
    if options.number not in counting:
        what = f"these count: {', '.join(map(str, counting))}" if counting else "none counts"
        msg = f"undoing lesson {options.number} of {path}: it is no lesson that counts ({what}): see `kotoba-edge learn list`"
        raise LessonError(msg)
    by, now = _who(options), datetime.now(timezone.utc)
    append_lesson(path, Undo(number=len(lines) + 1, by=by, at=now, why=options.why, undoes=options.number))
    print(f"lesson {options.number} counts no longer: start the daemon anew, and make the calibration again if it was an example")
    return DONE


def _list(options: argparse.Namespace, _settings: BoxSettings) -> int:
    from edge.judges.lessons import Undo, taught
    from firmware_config.station import read_station

    path, lines = _lessons(read_station(options.station))
    if options.json:
        print("\n".join(line.model_dump_json(by_alias=True) for line in lines))
        return DONE
    counting = {lesson.number for lesson in taught(lines)}
    for line in lines:
        when, why = f"{line.at:%Y-%m-%d %H:%M}Z", f" ({line.why})" if line.why else ""
        if isinstance(line, Undo):
            print(f"{line.number:4}  {when}  {line.by}: lesson {line.undoes} undone{why}")
        else:
            undone = "" if line.number in counting else ", undone"
            said = f"{line.source} is {line.label!r}, the verdict said {line.said!r}"
            print(f"{line.number:4}  {when}  {line.by}: {line.kind}{undone}: {said}{why}")
    print(f"{len(counting)} of {sum(not isinstance(line, Undo) for line in lines)} lessons count in {path}")
    return DONE


def _points(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.judges.lessons import taught
    from edge.review.calibration_pictures import write_calibration_pictures
    from edge.review.rejudge import open_rejudge
    from firmware_config.station import read_station

    station = read_station(options.station)
    path, lines = _lessons(station)
    points = [lesson for lesson in taught(lines) if lesson.kind == "calibration"]
    if not points:
        msg = f"writing points: none of the lessons in {path} is one: teach some with `kotoba-edge learn correct ID --as calibration`"
        raise LessonError(msg)
    rejudge = open_rejudge(station.judging({"calibration": None}), settings=settings_from(options, settings))
    write_calibration_pictures(points, rejudge, out=options.out, labels=options.labels)
    print(f"{len(points)} points for `kotoba-edge calibrate {options.out} --labels {options.labels}`")
    return DONE


def _lessons(station: Station) -> tuple[Path, tuple[Line, ...]]:
    """The station's file and its lines; none before the first lesson."""
    from edge.judges.lessons import read_lessons

    path = station.judge.lessons
    if path is None:
        name = station.station.name
        line = f'lessons = "/var/lib/kotoba/lessons/{name}.jsonl"'
        msg = f"station {name} has no file for lessons: add {line} to its [judge] section"
        raise LessonError(msg)
    return path, read_lessons(path, station=station.station.name) if path.exists() else ()
