"""`kotoba-edge learn`: teach a station by correcting its verdicts, list its lessons, undo one."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone
from pathlib import Path

from edge.commands.author import add_by_option, author_of, one_line
from edge.commands.history_options import ID_HELP, add_history_options, history_from
from edge.commands.options import Commands, add_command, add_group, add_models_options, add_station_option, positive, settings_from
from edge.errors import LessonError
from edge.judges.lessons import MAX_TEXT, Line, Undo, active_lessons, append_lesson, read_lessons
from firmware_config.exit_codes import DONE
from firmware_config.settings import BoxSettings
from firmware_config.station import Station, read_station


def register(commands: Commands) -> None:
    """Add the verbs."""
    verbs = add_group(commands, "learn", summary="Teach a station by correcting its verdicts.")
    _register_correct(verbs)
    _register_undo(verbs)
    _register_list(verbs)
    _register_calibration_pictures(verbs)


def _register_correct(verbs: Commands) -> None:
    correct = add_command(
        verbs,
        "correct",
        summary="Correct or confirm a stored verdict: its words and the right label become a lesson of the station.",
        details="The exit code is 1 when the lesson is refused, for example because a golden verdict would get worse.",
        example='kotoba-edge learn correct cell-01:42 --label crack --why "hairline at the busbar" --station cell.toml',
        run=_correct,
    )
    correct.add_argument("id", metavar="ID", help=ID_HELP)
    correct.add_argument("--label", required=True, metavar="NAME", help="The right label. The verdict's own label confirms the verdict.")
    correct.add_argument(
        "--as",
        dest="kind",
        choices=("example", "calibration"),
        default="example",
        help="What the lesson becomes: an example in the judge's instruction, or a picture for `kotoba-edge calibrate`. "
        "Default: %(default)s.",
    )
    _add_author_options(correct)
    add_history_options(correct)


def _register_undo(verbs: Commands) -> None:
    undo = add_command(
        verbs,
        "undo",
        summary="Undo a lesson. The lessons file keeps the lesson and who undid it.",
        example='kotoba-edge learn undo 3 --why "it was a shadow" --station cell.toml',
        run=_undo,
    )
    undo.add_argument("number", type=positive, metavar="N", help="The number of the lesson, as `kotoba-edge learn list` prints it.")
    _add_author_options(undo)
    add_station_option(undo)


def _register_list(verbs: Commands) -> None:
    show = add_command(
        verbs,
        "list",
        summary="Print all lessons of a station, with who taught them, when and why.",
        example="kotoba-edge learn list --station cell.toml",
        run=_list,
    )
    add_station_option(show)
    show.add_argument("--json", action="store_true", help="Print the lines of the lessons file, one JSON object each.")


def _register_calibration_pictures(verbs: Commands) -> None:
    pictures = add_command(
        verbs,
        "calibration-pictures",
        summary="Write the lessons that were taught with `--as calibration` as `kotoba-edge calibrate` reads them.",
        details="Their words are judged again, as the station judges now.",
        example="kotoba-edge learn calibration-pictures --out taught.jsonl --labels taught.csv --station cell.toml",
        run=_calibration_pictures,
    )
    pictures.add_argument("--out", type=Path, required=True, metavar="JSONL", help="The file of lines to write.")
    pictures.add_argument("--labels", type=Path, required=True, metavar="CSV", help="The table of the right labels to write.")
    add_station_option(pictures)
    add_models_options(pictures)


def _add_author_options(command: argparse.ArgumentParser) -> None:
    """Add who writes the line of the lessons file, and why."""
    add_by_option(command, help_text="Who teaches this.")
    command.add_argument(
        "--why", type=one_line, default="", metavar="TEXT", help=f"The reason, at most {MAX_TEXT} characters. Default: none."
    )


def _correct(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.review.open_teacher import TeachingBox
    from edge.review.teach import Teaching

    station = read_station(options.station)
    path, lines = _lessons(station)
    (inspection,) = history_from(options, settings).find([options.id])
    teacher = TeachingBox(settings_from(options, settings)).teacher(station, path, lines)
    teaching = Teaching(inspection, options.label, options.kind, by=author_of(options), why=options.why)
    learned = teacher.teach(teaching, now=datetime.now(timezone.utc))
    lesson = learned.lesson
    print(f"lesson {lesson.number}: {lesson.source} is {lesson.label!r}, its verdict was {lesson.verdict_label!r}; kept in {path}")
    if lesson.kind == "calibration":
        print("no verdict changes until `kotoba-edge learn calibration-pictures` and `kotoba-edge calibrate` have run")
        return DONE
    print(f"golden verdicts: {lesson.golden} judged with and without it, none worse, {len(learned.better)} better")
    print("\n".join(f"  {change}" for change in learned.better), end="\n" if learned.better else "")
    print(f"the verdict on its own words: {learned.before.label!r} before, {learned.after.label!r} now")
    print("the instruction has changed: start the daemon again, and calibrate the station again; until then nothing is OK")
    return DONE


def _undo(options: argparse.Namespace, _settings: BoxSettings) -> int:
    path, lines = _lessons(read_station(options.station))
    numbers = [lesson.number for lesson in active_lessons(lines)]
    if options.number not in numbers:
        known = f"the lessons that count are {', '.join(map(str, numbers))}" if numbers else "no lesson counts"
        msg = f"undoing lesson {options.number} of {path}: it does not count ({known}): see `kotoba-edge learn list`"
        raise LessonError(msg)
    author, now = author_of(options), datetime.now(timezone.utc)
    append_lesson(path, Undo(number=len(lines) + 1, by=author, at=now, why=options.why, undoes=options.number))
    print(f"lesson {options.number} no longer counts: start the daemon again, and calibrate the station again if it was an example")
    return DONE


def _list(options: argparse.Namespace, _settings: BoxSettings) -> int:
    path, lines = _lessons(read_station(options.station))
    if options.json:
        print("\n".join(line.model_dump_json(by_alias=True) for line in lines))
        return DONE
    numbers = {lesson.number for lesson in active_lessons(lines)}
    for line in lines:
        when, why = f"{line.at:%Y-%m-%d %H:%M}Z", f" ({line.why})" if line.why else ""
        if isinstance(line, Undo):
            print(f"{line.number:4}  {when}  {line.by}: lesson {line.undoes} undone{why}")
        else:
            undone = "" if line.number in numbers else ", undone"
            correction = f"{line.source} is {line.label!r}, its verdict was {line.verdict_label!r}"
            print(f"{line.number:4}  {when}  {line.by}: {line.kind}{undone}: {correction}{why}")
    print(f"{len(numbers)} of {sum(not isinstance(line, Undo) for line in lines)} lessons count in {path}")
    return DONE


def _calibration_pictures(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.review.calibration_pictures import write_calibration_pictures
    from edge.review.rejudge import open_rejudger

    station = read_station(options.station)
    path, lines = _lessons(station)
    pictures = [lesson for lesson in active_lessons(lines) if lesson.kind == "calibration"]
    if not pictures:
        advice = "teach some with `kotoba-edge learn correct ID --label NAME --as calibration`"
        msg = f"writing calibration pictures: {path} holds none: {advice}"
        raise LessonError(msg)
    rejudger = open_rejudger(station.with_judge({"calibration": None}), settings=settings_from(options, settings))
    write_calibration_pictures(pictures, rejudger, out=options.out, labels=options.labels)
    print(f"{len(pictures)} calibration pictures for `kotoba-edge calibrate {options.out} --labels {options.labels}`")
    return DONE


def _lessons(station: Station) -> tuple[Path, tuple[Line, ...]]:
    """The station's lessons file and its lines; no lines before the first lesson.

    Raises:
        LessonError: the station has no such file, or the file is damaged.
    """
    path = station.judge.lessons
    if path is None:
        name = station.station.name
        line = f'lessons = "/var/lib/kotoba/lessons/{name}.jsonl"'
        msg = f"station {name} has no file for lessons: add {line} to its [judge] section"
        raise LessonError(msg)
    return path, read_lessons(path, station=station.station.name) if path.exists() else ()
