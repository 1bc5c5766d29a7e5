"""The steps from one state of the slots to the next, without any I/O: what is allowed, and the sentence where it is not.

installed -> asked -> trial -> good (and runs)
                        └----> returned, and the other one has run all the time
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from edge.errors import BundleError
from edge.slots.state import MAX_HISTORY, MAX_WHY, SLOTS, Event, Slot, SlotName, State, Trial

Happened = Literal["installed", "asked", "withdrawn", "trial", "shadow", "good", "returned", "rollback", "key", "revoked"]

INSTALL = "kotoba-edge bundle install"
ACTIVATE = "kotoba-edge bundle activate"
ROLLBACK = "kotoba-edge bundle rollback"
GONE_BACK = "somebody has gone back to it"


def emptied(state: State, *, now: datetime) -> State:
    """The slot that does not run is empty from now on, and what a person wanted of it is withdrawn.

    Raises:
        BundleError: its bundle is being tried.
    """
    name = state.other
    if state.trial is not None:
        tried = f"{state.slot(state.trial.slot)} in slot {state.trial.slot}"
        msg = f"installing a bundle: {tried} is being tried: wait for the end of its trial, or end it with `{ROLLBACK}`"
        raise BundleError(msg)
    if state.wanted is not None:
        state = noted(state, "withdrawn", state.wanted, now=now, why="another bundle is installed in its place")
    return _with(state, name, None, wanted=None)


def installed(state: State, slot: Slot, *, now: datetime) -> State:
    """A checked bundle lies in the slot that does not run."""
    return noted(_with(state, state.other, slot), "installed", state.other, now=now, why=slot.downgrade)


def asked(state: State, name: SlotName | None, *, now: datetime) -> State:
    """A person asks for a trial of the bundle in a slot, by default of the one that does not run.

    Where none runs it runs at once: there is nothing that it could be compared with or go back to.

    Raises:
        BundleError: there is none, it runs already, or it is being tried.
    """
    name = name if name is not None else _next_to_run(state)
    slot = state.slot(name)
    if slot is None:
        msg = f"activating slot {name}: there is no bundle in it: install one with `{INSTALL}`"
        raise BundleError(msg)
    if name == state.running:
        msg = f"activating slot {name}: {slot} runs already: give the other slot, or install a newer bundle with `{INSTALL}`"
        raise BundleError(msg)
    if state.trial is not None:
        msg = f"activating slot {name}: {slot} is being tried already: `kotoba-edge bundle list` says how far its trial is"
        raise BundleError(msg)
    if state.running is None:
        first = _with(state, name, slot.model_copy(update={"state": "good", "why": ""}), running=name)
        return noted(_with_revoked(first, slot), "good", name, now=now, why="no other bundle ran")
    return noted(_with(state, name, slot.model_copy(update={"state": "staged", "why": ""}), wanted=name), "asked", name, now=now)


def begun(state: State, *, now: datetime) -> State:
    """The trial of the wanted bundle begins.

    Raises:
        BundleError: none is wanted.
    """
    if state.wanted is None:
        msg = f"beginning a trial: nobody asked for one: ask with `{ACTIVATE}`"
        raise BundleError(msg)
    tried = _slot(state, state.wanted).model_copy(update={"state": "trial", "why": ""})
    trial = Trial(slot=state.wanted, started_at=now, attempts=1)
    return noted(_with(state, state.wanted, tried, wanted=None, trial=trial), "trial", state.wanted, now=now)


def again(state: State) -> State:
    """The trial that is under way begins once more.

    Raises:
        BundleError: none is under way.
    """
    trial = _trial(state)
    return state.model_copy(update={"trial": trial.model_copy(update={"attempts": trial.attempts + 1, "shadow_until": None})})


def in_shadow(state: State, *, until: datetime, now: datetime) -> State:
    """The bundle that is being tried sees live pictures until then.

    Raises:
        BundleError: no trial is under way.
    """
    trial = _trial(state)
    return noted(state.model_copy(update={"trial": trial.model_copy(update={"shadow_until": until})}), "shadow", trial.slot, now=now)


def made_good(state: State, *, now: datetime) -> State:
    """The bundle that is being tried runs from now on, and the keys that it revokes are revoked.

    Raises:
        BundleError: no trial is under way.
    """
    name = _trial(state).slot
    slot = _slot(state, name)
    if state.running is not None:  # why the one before could run counts no longer: it is gone back to for a reason of its own
        state = _with(state, state.running, _slot(state, state.running).model_copy(update={"downgrade": ""}))
    state = _with(state, name, slot.model_copy(update={"state": "good", "why": ""}), running=name, trial=None)
    return noted(_with_revoked(state, slot), "good", name, now=now)


def gone_back(state: State, why: str, *, now: datetime) -> State:
    """The bundle that is being tried, or that is wanted, is given up.

    Raises:
        BundleError: there is none.
    """
    name = state.trial.slot if state.trial is not None else state.wanted
    if name is None:
        msg = "giving up a trial: there is none"
        raise BundleError(msg)
    returned = _slot(state, name).model_copy(update={"state": "returned", "why": why[:MAX_WHY]})
    return noted(_with(state, name, returned, wanted=None, trial=None), "returned", name, now=now, why=why)


def rolled_back(state: State, reason: str, *, now: datetime) -> State:
    """The other good bundle runs again; a trial that is under way or asked for ends instead.

    Raises:
        BundleError: there is nothing to go back from, or nothing good to go back to.
    """
    if state.trial is not None or state.wanted is not None:
        return gone_back(state, reason, now=now)
    other = state.slot(state.other)
    if state.running is None or other is None or other.state != "good":
        why = f" ({other} went back: {other.why})" if other is not None and other.state == "returned" else ""
        advice = f"install the one that you want with `{INSTALL} --downgrade --reason TEXT`"
        msg = f"going back: no other good bundle is on this box{why}: {advice}"
        raise BundleError(msg)
    name, left = state.other, _slot(state, state.running).model_copy(update={"state": "returned", "why": reason[:MAX_WHY]})
    state = _with(state, state.running, left, running=name)
    if other.name == left.name and other.version < left.version:
        # A daemon that is starting may yet write down that it has run the newer one, and must not be kept from this one by that.
        state = _with(state, name, other.model_copy(update={"downgrade": reason[:MAX_WHY] or GONE_BACK}))
    return noted(state, "rollback", name, now=now, why=reason)


def noted(state: State, event: Happened, name: SlotName | None, *, now: datetime, why: str = "") -> State:
    """Add an event to the history, which keeps the newest."""
    slot = None if name is None else state.slot(name)
    facts = {} if slot is None else {"name": slot.name, "version": slot.version, "digest": slot.digest}
    entry = Event(at=now, event=event, slot=name, why=why[:MAX_WHY], **facts)
    return state.model_copy(update={"history": (*state.history, entry)[-MAX_HISTORY:]})


def _with_revoked(state: State, slot: Slot) -> State:
    """The keys that a bundle revokes count now; what they signed can no longer be gone back to."""
    revoked = tuple(sorted({*state.revoked, *slot.revokes}))
    state = state.model_copy(update={"revoked": revoked})
    for name in SLOTS:
        one = state.slot(name)
        if one is not None and name != state.running and one.key_id in revoked:
            why = f"key {one.key_id}, which signed it, was revoked"
            state = _with(state, name, one.model_copy(update={"state": "returned", "why": why}))
    return state


def _next_to_run(state: State) -> SlotName:
    """The slot that does not run; where none runs, the first that holds a bundle."""
    if state.running is not None:
        return state.other
    return "b" if state.a is None and state.b is not None else "a"


def _with(state: State, name: SlotName, slot: Slot | None, **more: object) -> State:
    return state.model_copy(update={name: slot, **more})


def _slot(state: State, name: SlotName) -> Slot:
    slot = state.slot(name)
    if slot is None:
        msg = f"slot {name} is empty: install a bundle with `{INSTALL}`"
        raise BundleError(msg)
    return slot


def _trial(state: State) -> Trial:
    if state.trial is None:
        msg = f"no trial is under way: ask for one with `{ACTIVATE}`"
        raise BundleError(msg)
    return state.trial
