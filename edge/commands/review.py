"""`kotoba-edge review`: what waits for a person, why, and the person's answers."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from edge.commands.author import add_by_option, author_of, one_line
from edge.commands.history_options import ID_HELP, add_time_options
from edge.commands.options import Commands, add_command, add_group, add_models_options, add_spool_option, add_stations_option, settings_from
from edge.errors import AnswerError, HistoryError
from edge.records import Decision, Inspection
from edge.spool.history import History
from edge.texts.review import TEXTS
from firmware_config.exit_codes import DONE, FAILED
from firmware_config.settings import BoxSettings

if TYPE_CHECKING:
    from edge.review.answering import Answered, Answering
    from edge.review.answers import AnswersFile
    from firmware_config.station import Station

FOR_PEOPLE = (Decision.REVIEW, Decision.NG, Decision.FAULT)
ANSWERS = "answers.jsonl"
"""The file of answers, beside the spool."""


def register(commands: Commands) -> None:
    """Add the verbs."""
    verbs = add_group(commands, "review", summary="Answer what the box was unsure of: list it, look at it, say what it is.")
    _register_list(verbs)
    _register_show(verbs)
    _register_answer(verbs)


def _register_list(verbs: Commands) -> None:
    listing = add_command(
        verbs,
        "list",
        summary="Print the verdicts that nobody has answered yet, the oldest first.",
        details="Each line has STATION:SEQ, time (with ? if the clock was not synchronised), decision, label, confidence, reasons, whether "
        "its picture is there, and the id. `--decision OK` lists the kept sample of OK pictures.",
        example="kotoba-edge review list --station cell-01 --decision REVIEW --since 8h",
        run=_list,
    )
    listing.add_argument("--station", dest="name", metavar="NAME", help="The name of one station. Default: all.")
    names = [decision.value for decision in Decision]
    listing.add_argument(
        "--decision", action="append", choices=names, help="A decision; may be given again. Default: REVIEW, NG and FAULT."
    )
    add_time_options(listing)
    listing.add_argument("--all", action="store_true", help="Print answered ones too, with their answers.")
    listing.add_argument("--json", action="store_true", help="Print one JSON object a line.")
    _add_box_options(listing)


def _register_show(verbs: Commands) -> None:
    show = add_command(
        verbs,
        "show",
        summary="Print why a verdict is what it is, where its picture is, the labels to answer with, and earlier answers.",
        details="The words are judged again, as `kotoba-edge explain` does, which loads the bundle's models.",
        example="kotoba-edge review show cell-01:42 --png why.png",
        run=_show,
    )
    show.add_argument("id", metavar="ID", help=ID_HELP)
    show.add_argument("--brief", action="store_true", help="Judge nothing again: print what is stored.")
    show.add_argument("--png", type=Path, metavar="OUT", help="Draw the explanation and the kept picture, in English, to this PNG file.")
    show.add_argument("--json", action="store_true", help="Print one JSON object.")
    _add_box_options(show)
    add_models_options(show)


def _register_answer(verbs: Commands) -> None:
    answer = add_command(
        verbs,
        "answer",
        summary="Say what a picture really shows. The answer is kept, and becomes a calibration picture among the station's lessons.",
        details="An answer that was given before is not kept twice; another label replaces it. `--stdin` reads lines of ID and LABEL, "
        "and loads the models once for all of them. The exit code is 1 if an answer could not be kept.",
        example="kotoba-edge review answer cell-01:42 crack --by Sato",
        run=_answer,
    )
    answer.add_argument("id", nargs="?", metavar="ID", help=ID_HELP)
    answer.add_argument("label", nargs="?", metavar="LABEL", help="The right label, one of the station's.")
    answer.add_argument("--stdin", action="store_true", help="Read lines from stdin: an ID, a space, a LABEL, which may have spaces.")
    answer.add_argument("--note", type=one_line, default="", metavar="TEXT", help="A remark, kept with the answer. Default: none.")
    answer.add_argument("--no-lesson", action="store_true", help="Keep the answers and teach nothing, which loads no models.")
    add_by_option(answer, help_text="Who answers.")
    _add_box_options(answer)
    add_models_options(answer)


def _add_box_options(command: argparse.ArgumentParser) -> None:
    add_spool_option(command)
    command.add_argument(
        "--evidence",
        type=Path,
        metavar="DIR",
        help="The folder of kept pictures. Default: the environment variable KOTOBA_EVIDENCE, else the folder `evidence` beside the spool.",
    )
    add_stations_option(command)
    command.add_argument("--language", choices=("en", "ja"), help="The language of the text. Default: the station's language.")


def _list(options: argparse.Namespace, settings: BoxSettings) -> int:
    box = settings_from(options, settings)
    answers, stations = _answers(box), _stations_if_any(box)
    decisions = [Decision(name) for name in options.decision or FOR_PEOPLE]
    history = History(box.spool, is_spool=True)
    # All are read before the first is printed: a person who reads page by page must not hold the spool's write-ahead log.
    found = [
        (inspection, is_answered)
        for inspection in history.decided(decisions, station=options.name, since=options.since, until=options.until)
        if not (is_answered := bool(answers.of(inspection.id))) or options.all
    ]
    count = 0
    for inspection, is_answered in found:
        is_sample = inspection.verdict.decision is not Decision.OK or _picture(box, inspection) is not None
        if is_sample:
            count += not is_answered
            print(
                json.dumps(_as_json(box, inspection, answers), ensure_ascii=False)
                if options.json
                else _as_line(box, inspection, answers, language=_language(options, stations, inspection.station))
            )
    if not options.json:
        texts = TEXTS[_language(options, stations, options.name)]
        print(texts.summary.format(count=count) if count else texts.nothing)
    return DONE


def _show(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.commands.review_show import show

    box = settings_from(options, settings)
    (inspection,) = History(box.spool, is_spool=True).find([options.id])
    stations = _stations_if_any(box)
    station = stations.get(inspection.station)
    answers, picture = _answers(box).of(inspection.id), _picture(box, inspection)
    kept_at = None if inspection.evidence_path is None else box.evidence_folder / inspection.evidence_path
    if options.json:
        shown = show(inspection, station, None if options.brief else box, png=options.png, picture=picture)
        print(json.dumps({**_as_json(box, inspection, _answers(box)), **shown.as_json()}, ensure_ascii=False))
        return DONE
    language = _language(options, stations, inspection.station)
    shown = show(inspection, station, None if options.brief else box, png=options.png, picture=picture)
    print(shown.as_text(language=language, kept_at=kept_at, answers=answers))
    return DONE


def _answer(options: argparse.Namespace, settings: BoxSettings) -> int:
    if options.stdin == (options.label is not None) or (options.stdin and options.id is not None):
        options.wrong_usage("give ID and LABEL, or --stdin")
    box = settings_from(options, settings)
    stations, history = _stations(box), History(box.spool, is_spool=True)
    answering, by = _answering(options, box, stations), author_of(options)
    code = DONE
    for wanted, label in _lines(sys.stdin) if options.stdin else [(options.id, options.label)]:
        try:
            (inspection,) = history.find([wanted])
            answered = answering.answer(inspection, label, by=by, note=options.note, now=datetime.now(timezone.utc))
        except (AnswerError, HistoryError) as err:
            if not options.stdin:
                raise
            print(f"kotoba-edge: {err}", file=sys.stderr, flush=True)
            code = FAILED
            continue
        print(_said(answered, inspection, language=_language(options, stations, inspection.station)), flush=True)
    return code


def _answering(options: argparse.Namespace, box: BoxSettings, stations: Mapping[str, Station]) -> Answering:
    from edge.review.answering import Answering
    from edge.review.open_teacher import TeachingBox

    return Answering(_answers(box), stations, open_teacher=None if options.no_lesson else TeachingBox(box).teacher)


def _lines(stream: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Lines of ID and LABEL; empty lines and those that begin with # are passed over."""
    for line in stream:
        wanted, _, label = line.strip().partition(" ")
        if wanted and not wanted.startswith("#"):
            yield wanted, label.strip()


def _said(answered: Answered, inspection: Inspection, *, language: str) -> str:
    texts, verdict = TEXTS[language], inspection.verdict
    text = texts.kept if answered.is_new else texts.again
    named = f"{inspection.station}:{inspection.seq} {inspection.id}"
    kept = text.format(what=named, label=answered.answer.label, verdict=f"{verdict.decision.value} {verdict.label or '-'}")
    return f"{kept}; {texts.lesson.format(number=answered.lesson) if answered.lesson else texts.not_taught.format(why=answered.why_not)}"


def _as_line(box: BoxSettings, inspection: Inspection, answers: AnswersFile, *, language: str) -> str:
    from edge.message import utc_text

    texts, verdict, given = TEXTS[language], inspection.verdict, answers.of(inspection.id)
    confidence = "-" if verdict.confidence is None else f"{verdict.confidence:.2f}"
    reasons = ",".join(reason.value for reason in verdict.reasons) or "-"
    captured = utc_text(inspection.captured_at, timespec="seconds") + ("?" if inspection.clock_synchronised is False else "")
    picture = texts.no_picture if _picture(box, inspection) is None else texts.has_picture
    columns = [f"{inspection.station}:{inspection.seq}", captured, verdict.decision.value, verdict.label or "-", confidence, reasons]
    return "  ".join([*columns, picture, inspection.id, *([f"= {given[-1].label}"] if given else [])])


def _as_json(box: BoxSettings, inspection: Inspection, answers: AnswersFile) -> dict[str, object]:
    from edge.message import encode

    message, picture = json.loads(encode(inspection)), _picture(box, inspection)
    facts = ("id", "station", "seq", "epoch", "source", "part_id", "captured_at", "clock_synchronised", "decision", "label", "confidence")
    given = [answer.model_dump(mode="json", include={"label", "by", "at", "note"}) for answer in answers.of(inspection.id)]
    return {
        **{key: message[key] for key in (*facts, "reasons", "detail")},
        "picture": None if picture is None else str(picture),
        "answers": given,
    }


def _picture(box: BoxSettings, inspection: Inspection) -> Path | None:
    """The kept picture, if it is there."""
    path = None if inspection.evidence_path is None else box.evidence_folder / inspection.evidence_path
    return path if path is not None and path.is_file() else None


def _answers(box: BoxSettings) -> AnswersFile:
    from edge.review.answers import AnswersFile

    answers = AnswersFile(box.spool.with_name(ANSWERS), like=box.spool)
    answers.read()
    return answers


def _stations(box: BoxSettings) -> dict[str, Station]:
    from firmware_config.station import read_station
    from firmware_config.stations_of_a_box import require_distinct_names

    stations = [read_station(path) for path in sorted(box.stations.glob("*.toml"))]
    require_distinct_names(stations, folder=box.stations)
    return {station.station.name: station for station in stations}


def _stations_if_any(box: BoxSettings) -> dict[str, Station]:
    """The stations, none where a file of theirs is wrong: to look at verdicts, they only name language and labels."""
    from firmware_config.errors import ConfigError

    try:
        return _stations(box)
    except ConfigError:
        return {}


def _language(options: argparse.Namespace, stations: Mapping[str, Station], name: str | None) -> str:
    """The language that was asked for, that of the station, or where no station is meant that of the first."""
    station = next(iter(stations.values()), None) if name is None else stations.get(name)
    return str(options.language or ("en" if station is None else station.station.language))
