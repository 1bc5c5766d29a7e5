"""`kotoba-edge bundle try`: the trial of a bundle while the daemon is stopped, for a box without memory for two bundles."""

from __future__ import annotations

import argparse
import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from edge.commands.options import (
    Commands,
    add_command,
    add_keys_option,
    add_slots_option,
    add_spool_option,
    add_stations_option,
    settings_from,
)
from edge.errors import BundleError, EdgeError, TrialError
from firmware_config.errors import ConfigError
from firmware_config.exit_codes import DONE
from firmware_config.settings import BoxSettings

if TYPE_CHECKING:
    from edge.slots.slots import Slots
    from edge.slots.state import SlotName
    from edge.trial.trial import Passed

log = logging.getLogger(__name__)


def register_try(group: Commands) -> None:
    """Add the verb."""
    trying = add_command(
        group,
        "try",
        summary="Try an installed bundle while the daemon is stopped.",
        details="For a box that has no memory for two bundles at once. The bundle gives its golden verdicts in a process of its own, "
        "within the limits on memory and time; there are no live pictures. If it holds it runs from the next start of the daemon, else "
        "the one before does. While the daemon runs, `kotoba-edge bundle activate` does more.",
        example="kotoba-edge bundle try",
        run=_try,
        quiet=False,
    )
    trying.add_argument("--board", metavar="NAME", help="The board profile that the models run on. Default: KOTOBA_BOARD, else cpu.")
    add_stations_option(trying)
    add_slots_option(trying)
    add_keys_option(trying)
    add_spool_option(trying)


def _try(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.slots.open import slots_of

    box = settings_from(options, settings)
    slots = slots_of(box)
    state = slots.read()
    if state.trial is not None:
        tried = state.slot(state.trial.slot)
        msg = f"trying a bundle: {tried} is being tried already: start the daemon, which ends a trial that is left over"
        raise BundleError(msg)
    if state.wanted is None:
        slots.ask()
    if slots.read().wanted is None:
        print("no other bundle ran: it runs from the next start of the daemon")
        return DONE
    name = slots.begin_trial()
    try:
        passed = _passed(box, slots, name)
        slots.make_good()
    except (EdgeError, ConfigError) as err:
        _go_back(slots, name, str(err))
        raise
    except BaseException:
        _go_back(slots, name, "somebody ended the trial")
        raise
    slot = slots.read().slot(name)
    log.warning("bundle tried alone slot=%s bundle=%s uid=%d", name, slot, os.getuid())
    print(f"slot {name}: {slot} runs from the next start of the daemon: {passed.summary}")
    return DONE


def _passed(box: BoxSettings, slots: Slots, name: SlotName) -> Passed:
    from edge.daemon.parts import read_stations
    from edge.slots.open import open_running_bundle
    from edge.trial.candidate import StoppedError
    from edge.trial.limits import trial_limits
    from edge.trial.shadow import Shadow
    from edge.trial.slot_bundle import open_slot
    from edge.trial.trial import Told, Trial
    from firmware_config.board import read_board

    slot, bundle = open_slot(slots, name, keys=box.keys)
    board = read_board(box.board)
    trial = Trial(
        bundle,
        open_running_bundle(box),
        stations=read_stations(box.stations),
        board=board,
        keys=box.keys,
        limits=replace(trial_limits(box, board), shadow_s=0.0, pictures=0),
        folder=slots.root,
        measured_bytes=(slot.memory_mb or 0) * 1_000_000,
        is_over=lambda: slots.read().trial is None,
    )
    try:
        return trial.run(Shadow(), Told(slots.note_shadow, lambda _running, _tried: None))
    except StoppedError as err:
        msg = f"trying {slot}: the daemon runs, and has ended this trial: stop it first, with systemctl stop kotoba-edge"
        raise TrialError(msg) from err


def _go_back(slots: Slots, name: SlotName, why: str) -> None:
    trial = slots.read().trial
    if trial is not None and trial.slot == name:
        slots.go_back(why)
