"""The thread that watches the slots: it tries a bundle that somebody asks for, and lets it take over, or go back.

A trial that is found under way and is not ours was ended by a crash or a power cut: that bundle goes back.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge.bundle.open import Bundle
from edge.daemon.metrics import Metrics
from edge.daemon.takeover import Takeover
from edge.errors import BundleError, EdgeError
from edge.records import Capture, Inspection
from edge.runtime.free_memory import give_back_memory
from edge.slots.slots import Slots
from edge.slots.state import MAX_WHY, Slot, SlotName, State
from edge.trial.candidate import StoppedError
from edge.trial.shadow import Shadow
from edge.trial.slot_bundle import open_slot
from edge.trial.trial import Passed, Told
from firmware_config.errors import ConfigError

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""How often the state of the slots is read."""

AGAIN_S = 60.0
"""Pause before what failed is tried again: to load a bundle that somebody lets run without a trial."""

CRASHED = "the daemon ended in the middle of the trial (a crash, a kill or a power cut): look at the log, and ask for it again"
STOPPED = "the daemon was stopped in the middle of the trial: it begins anew"
CHANGED = "the station files were changed in the middle of the trial: it begins anew"


class Tried(Protocol):
    """A trial that can be run once; see `edge.trial.trial.Trial`."""

    def run(self, shadow: Shadow, told: Told) -> Passed:
        """Try the bundle."""


@dataclass(frozen=True, slots=True)
class Trials:
    """Makes a trial: of this bundle beside that one, with the memory that was measured at the install, until `is_over`."""

    make: Callable[[Bundle, Bundle, int, Callable[[], bool]], Tried]
    keys: Path


class BundleWatch:
    """Runs until `stop` is set, or `close`; looks at the state of the slots every `look_s`."""

    def __init__(
        self, slots: Slots, takeover: Takeover, trials: Trials, *, metrics: Metrics, stop: threading.Event, look_s: float = LOOK_S
    ) -> None:
        self._slots = slots
        self._takeover = takeover
        self._trials = trials
        self._metrics = metrics
        self._stop = stop
        self._look_s = look_s
        self._shadow = Shadow()
        self._trying: SlotName | None = None
        self._owed: str | None = None
        """Why a bundle has to go back, while that cannot be written."""
        self._follow_at = 0.0
        self._trouble: str | None = None
        self._thread = threading.Thread(target=self._run, name="bundle", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def close(self, deadline_s: float) -> None:
        """End. A trial that is under way begins anew at the next start."""
        self._stop.set()
        self._thread.join(deadline_s)
        if self._thread.is_alive():
            log.info("stopped while models are loaded")
            self._put_off()

    def offer(self, inspection: Inspection, capture: Capture) -> None:
        """Show a picture with its verdict; returns at once."""
        self._shadow.offer(inspection, capture)

    def trouble(self) -> str | None:
        """What is wrong with the slots or the bundle that judges; None while all is well."""
        return self._trouble or self._takeover.trouble()

    def _run(self) -> None:
        while not self._stop.wait(self._look_s):
            try:
                self._look()
            except (BundleError, ConfigError) as err:
                self._complain(str(err))
            except Exception:
                log.exception("watching the bundle slots failed")  # a bug of ours: the line goes on

    def _look(self) -> None:
        state = self._slots.read()
        running = None if state.running is None else state.slot(state.running)
        if state.running is not None and running is not None and running.digest != self._takeover.bundle.digest:
            if time.monotonic() >= self._follow_at:
                self._follow(state.running, running, state.history[-1].why if state.history else "")
            return
        self._trouble = None
        if state.trial is not None:
            self._go_back(state.trial.slot, self._owed or CRASHED)
        elif state.wanted is not None:
            self._try(self._slots.begin_trial())

    def _try(self, name: SlotName) -> None:
        """Try the bundle in a slot, and act on the result."""
        self._trying = name
        self._metrics.trial_running.set(1)
        try:
            slot, bundle = open_slot(self._slots, name, keys=self._trials.keys)
            self._takeover.tell("trial", slot, "its trial has begun")
            pipelines = self._takeover.pipelines()
            passed = self._passed(name, slot, bundle)
            loaded = self._takeover.load(bundle)
            if self._stop.is_set() or loaded.pipelines != pipelines or not self._takeover.take_over(loaded, decide=self._slots.make_good):
                self._put_off()
                return
        except StoppedError:
            if _is_tried(self._slots.read(), name):
                self._put_off()
            else:
                self._say_taken_back(name)
        except (EdgeError, ConfigError) as err:
            self._go_back(name, str(err))
        except Exception as err:
            log.exception("trial failed")
            self._go_back(name, f"{type(err).__name__} in the trial: report this as a bug")
        else:
            self._metrics.trial_results.labels("good").inc()
            self._takeover.tell("good", slot, passed.summary)
            self._let_go()
        finally:
            self._trying = None
            self._metrics.trial_running.set(0)

    def _passed(self, name: SlotName, slot: Slot, bundle: Bundle) -> Passed:
        taken_back, pipelines = _Every(self._look_s, lambda: self._is_taken_back(name)), self._takeover.pipelines()

        def is_over() -> bool:
            return self._stop.is_set() or self._takeover.pipelines() != pipelines or taken_back()

        trial = self._trials.make(bundle, self._takeover.bundle, (slot.memory_mb or 0) * 1_000_000, is_over)
        return trial.run(self._shadow, Told(self._slots.note_shadow, self._count))

    def _follow(self, name: SlotName, slot: Slot, why: str) -> None:
        """Let the bundle judge that somebody has gone back to; it was good before."""
        try:
            _, bundle = open_slot(self._slots, name, keys=self._trials.keys)
            loaded = self._takeover.load(bundle)
        except (EdgeError, ConfigError) as err:
            self._follow_at = time.monotonic() + AGAIN_S
            self._complain(f"the bundle in slot {name} shall judge and cannot ({err}): the one before goes on")
            return
        if self._takeover.take_over(loaded):
            self._takeover.tell("running", slot, why)
            self._let_go()

    def _let_go(self) -> None:
        """Give the memory of the bundle before back; its last picture is judged by then."""
        self._stop.wait(self._look_s)
        give_back_memory()

    def _is_taken_back(self, name: SlotName) -> bool:
        """Whether somebody has ended the trial."""
        with suppress(BundleError):
            return not _is_tried(self._slots.read(), name)
        return False

    def _say_taken_back(self, name: SlotName) -> None:
        slot = self._slots.read().slot(name)
        if slot is not None:
            self._metrics.trial_results.labels("returned").inc()
            self._takeover.tell("returned", slot, slot.why)

    def _go_back(self, name: SlotName, why: str) -> None:
        """Give a bundle up; what cannot be read or written now is done later."""
        why = self._owed = " ".join(why.split())[:MAX_WHY]  # a part of it may come from the bundle
        state = self._slots.read()
        if not _is_tried(state, name):
            self._owed = None
            return
        try:
            self._slots.go_back(why)
        except BundleError as err:
            self._complain(str(err))
            return
        self._owed = None
        self._metrics.trial_results.labels("returned").inc()
        slot = state.slot(name)
        if slot is not None:
            self._takeover.tell("returned", slot, why)

    def _put_off(self) -> None:
        """The daemon ends in a trial, or its stations have changed: it begins anew. Two steps: killed between them, it has gone back."""
        name = self._trying
        with suppress(BundleError):
            if name is not None and _is_tried(self._slots.read(), name):
                self._slots.go_back(STOPPED if self._stop.is_set() else CHANGED)
                self._slots.ask(name)

    def _count(self, running: Inspection, tried: Inspection) -> None:
        self._metrics.trial_pictures.labels(running.station, running.verdict.decision.value, tried.verdict.decision.value).inc()

    def _complain(self, sentence: str) -> None:
        if sentence != self._trouble:
            log.error("bundle slots: %s", sentence)
        self._trouble = sentence


def _is_tried(state: State, name: SlotName) -> bool:
    return state.trial is not None and state.trial.slot == name


class _Every:
    """Asks at most each so many seconds, and remembers a yes."""

    def __init__(self, pause_s: float, ask: Callable[[], bool]) -> None:
        self._pause_s = pause_s
        self._ask = ask
        self._asked_at = float("-inf")
        self._said = False

    def __call__(self) -> bool:
        if not self._said and time.monotonic() - self._asked_at >= self._pause_s:
            self._said, self._asked_at = self._ask(), time.monotonic()
        return self._said
