"""`kotoba-edge measure`: from known pictures to the limits of a healthy picture and a memory of what the station knows."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from edge.commands.calibrate import share
from edge.commands.options import Commands, add_command, add_models_options, add_station_option, settings_from
from firmware_config.exit_codes import DONE
from firmware_config.settings import BoxSettings

if TYPE_CHECKING:
    from edge.familiarity.learn import Learned
    from edge.records import Capture
    from edge.studies.known_pictures import KnownPictures
    from firmware_config.station import Station

PROGRESS_EVERY = 50
"""Pictures between two lines of progress on a terminal."""


def register(commands: Commands) -> None:
    """Add the verb."""
    command = add_command(
        commands,
        "measure",
        summary="Measure known pictures of a station: the limits of light and focus, and a memory of what the station knows.",
        details="Writes the memory file and prints the lines for the station file. At least 20 good pictures are needed, some hundred are "
        "better; defective or unlabelled ones with --known widen what the station knows.",
        example="kotoba-edge measure good/ --known defective/ --station cell.toml --bundle .kotoba/starter --keys .kotoba/keys "
        "--out cell-memory.json",
        run=_measure,
    )
    command.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="A picture or a folder of pictures of good parts.")
    command.add_argument(
        "--known",
        nargs="+",
        type=Path,
        default=[],
        metavar="PATH",
        help="Pictures or folders of defective or unlabelled parts that the station shall know as parts. Default: none.",
    )
    command.add_argument(
        "--false-alarm",
        type=share,
        default=0.01,
        metavar="SHARE",
        help="The share of good pictures (0 to 1) that may count as a new condition. Default: %(default)s.",
    )
    command.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="The memory file to write, for [familiarity] memory_file of the station."
    )
    add_station_option(command)
    add_models_options(command)


def _measure(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.describers import open_vision_models
    from edge.familiarity.file import write_memory
    from edge.measures.learn import learn_views
    from edge.slots.open import open_running_bundle
    from edge.studies.known_pictures import learned_memory, measure_pictures
    from firmware_config.board import read_board
    from firmware_config.station import read_station

    station, box = read_station(options.station), settings_from(options, settings)
    bundle = open_running_bundle(box)
    vision = open_vision_models(bundle, board=read_board(box.board))
    known = measure_pictures(_with_progress(_captures(options, station)), station, vision)
    learned = learned_memory(known, vision, false_alarm=options.false_alarm)
    write_memory(
        options.out,
        learned,
        graph=vision.graph_digest,
        roi=station.picture.roi,
        good=int(known.good.sum()),
        false_alarm=options.false_alarm,
        made_at=datetime.now(timezone.utc).replace(microsecond=0),
        measures=learn_views(known.views, known.good.tolist(), measuring=station.describe.measured),
    )
    sys.stdout.write("\n".join(_lines(known, learned, options, station.station.language)) + "\n")
    return DONE


def _captures(options: argparse.Namespace, station: Station) -> Iterator[tuple[Capture, bool]]:
    from edge.commands.inspect_paths import captures_of

    for paths, is_good in ((options.paths, True), (options.known, False)):
        for capture in captures_of(paths, station):
            yield capture, is_good


def _with_progress(captures: Iterator[tuple[Capture, bool]]) -> Iterator[tuple[Capture, bool]]:
    for count, capture in enumerate(captures, 1):
        yield capture
        if sys.stderr.isatty() and count % PROGRESS_EVERY == 0:
            print(f"\r\x1b[K{count} pictures", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _lines(known: KnownPictures, learned: Learned, options: argparse.Namespace, language: str) -> Iterator[str]:
    """The lines of a station file, as TOML with comments."""
    from edge.measures.learn import LIMIT_SHARE
    from edge.studies.known_pictures import FEW_PICTURES, MARGINS, limits
    from edge.texts.measure import TEXTS

    texts, good = TEXTS[language], int(known.good.sum())
    yield f"# {texts.pictures.format(count=len(known.exposures), good=good)}"
    if known.left_out:
        yield f"# {texts.left_out.format(count=len(known.left_out), first=known.left_out[0])}"
    if len(known.exposures) < FEW_PICTURES:
        yield f"# {texts.few.format(count=len(known.exposures))}"
    if not learned.tells_apart:
        yield f"# {texts.too_alike}"
    yield f"# {texts.put}"
    yield "\n[picture]"
    yield f"# {texts.limits.format(margin=min(MARGINS.values()), widest=max(MARGINS.values()))}"
    found = {limit.key: limit for limit in limits(known.exposures)}
    for limit in found.values():
        yield f"{limit.key} = {limit.value}  # {texts.value.format(low=limit.low, middle=limit.middle, high=limit.high)}"
    if "min_sharpness" not in found:
        yield f"# {texts.no_sharpness}"
    yield "\n[familiarity]"
    distances = texts.distances.format(
        good=learned.known, alarm=options.false_alarm, empty=learned.empty, new=learned.new_condition, unfamiliar=learned.unfamiliar
    )
    yield f"# {distances}"
    # A basic string of TOML is written as one of JSON.
    yield f"memory_file = {json.dumps(str(options.out), ensure_ascii=False)}"
    yield f"# {texts.measured.format(share=LIMIT_SHARE)}"
