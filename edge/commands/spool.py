"""`kotoba-edge spool`: what waits in the spool for its outputs, and sending a range of verdicts again."""

from __future__ import annotations

import argparse
import json
from contextlib import closing
from pathlib import Path

from edge.commands.options import Commands, add_command, add_group, add_spool_option, positive, settings_from
from edge.errors import SpoolError
from firmware_config.exit_codes import DONE, FAILED
from firmware_config.settings import BoxSettings


def register(commands: Commands) -> None:
    """Add the verbs."""
    verbs = add_group(commands, "spool", summary="Show the queue of verdicts, and send verdicts again.")
    status = add_command(
        verbs,
        "status",
        summary="Print the rows, the bytes and what waits for each output, as one JSON object.",
        example="kotoba-edge spool status --spool /var/lib/kotoba/spool.sqlite",
        run=_status,
    )
    replay = add_command(
        verbs,
        "replay",
        summary="Send a range of a station's verdicts again.",
        details="The daemon sends them when nothing else waits, each with `replayed` set. The exit code is 1 if some are gone.",
        example="kotoba-edge spool replay cell-01 1200 1260",
        run=_replay,
    )
    replay.add_argument("station", metavar="STATION", help="The name of the station.")
    replay.add_argument("first", type=positive, metavar="FIRST_SEQ", help="The `seq` of the first verdict.")
    replay.add_argument("last", type=positive, metavar="LAST_SEQ", help="The `seq` of the last verdict.")
    replay.add_argument("--sink", default="mqtt", metavar="NAME", help="The output that sends them. Default: %(default)s.")
    replay.add_argument("--epoch", metavar="EPOCH", help="The `epoch` in which the range was counted. Default: the spool's present epoch.")
    for verb in (status, replay):
        add_spool_option(verb)


def _status(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.spool.store import Spool

    with closing(Spool(_existing(settings_from(options, settings).spool))) as spool:
        status = spool.status()
    aside = None if status.moved_aside is None else str(status.moved_aside)
    backlog = [{"sink": sink, "station": station, "rows": rows} for (sink, station), rows in status.backlog.items()]
    print(
        json.dumps({"epoch": status.epoch, "rows": status.rows, "used_bytes": status.used_bytes, "moved_aside": aside, "backlog": backlog})
    )
    return DONE


def _replay(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.spool.store import Spool

    with closing(Spool(_existing(settings_from(options, settings).spool))) as spool:
        count = spool.replay(options.sink, options.station, options.first, options.last, epoch=options.epoch)
    wanted = options.last - options.first + 1
    print(f"{count} of {wanted} inspections of {options.station} will be sent again by {options.sink}")
    return DONE if count == wanted else FAILED


def _existing(spool: Path) -> Path:
    """Refuse a spool that does not exist: opening it would make a new one."""
    if not spool.is_file():
        msg = f"spool {spool} does not exist: give the file of a box that has run (--spool or KOTOBA_SPOOL)"
        raise SpoolError(msg)
    return spool
