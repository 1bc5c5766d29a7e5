"""`kotoba-edge bundle list`: the two slots, what runs, what is tried, and what happened last."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from edge.commands.options import Commands, add_command, add_slots_option, add_spool_option, settings_from
from firmware_config.exit_codes import DONE
from firmware_config.settings import BoxSettings

if TYPE_CHECKING:
    from edge.slots.state import SlotName, State

SHOWN_EVENTS = 10


def register_list(group: Commands) -> None:
    """Add the verb."""
    listing = add_command(
        group,
        "list",
        summary="Show both bundle slots, which of them runs, and what happened last.",
        example="kotoba-edge bundle list",
        run=_list,
    )
    listing.add_argument("--json", action="store_true", help="Print the whole state as one JSON object. Default: a table.")
    add_slots_option(listing)
    add_spool_option(listing)


def _list(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.slots.open import runs_slots, slots_of
    from edge.slots.state import SLOTS
    from edge.trial.progress import read_progress

    box = settings_from(options, settings)
    state = slots_of(box).read()
    if options.json:
        print(state.model_dump_json(by_alias=True))
        return DONE
    for name in SLOTS:
        print(_line(state, name))
    if state.trial is not None and (progress := read_progress(box.bundles)) is not None:
        print(f"the trial: {progress}")
    if not runs_slots(box):
        print(f"no slot runs: the daemon runs the folder {box.bundle}")
    if state.history:
        print("\nlast events:")
    for event in state.history[-SHOWN_EVENTS:]:
        what = f"{event.name} version {event.version}" if event.name else ""
        print(f"  {event.at:%Y-%m-%d %H:%M:%S} {event.event:<10} {what}{f': {event.why}' if event.why else ''}")
    return DONE


def _line(state: State, name: SlotName) -> str:
    slot = state.slot(name)
    if slot is None:
        return f"{name}  empty"
    doing: str = "runs" if state.running == name else "is asked for" if state.wanted == name else slot.state
    if state.trial is not None and state.trial.slot == name:
        until = state.trial.shadow_until
        doing = f"is tried since {state.trial.started_at:%H:%M:%S} UTC" + (f", in shadow until {until:%H:%M:%S} UTC" if until else "")
    why = f" ({slot.why or slot.downgrade})" if slot.why or slot.downgrade else ""
    return f"{name}  {slot}, {doing}{why}, signed by {slot.key_id}, installed {slot.installed_at:%Y-%m-%d %H:%M} UTC, {slot.digest}"
