"""One station of the daemon: its camera, its inspector, and what stands between them."""

from __future__ import annotations

import threading
from collections.abc import Generator
from dataclasses import dataclass, field

from edge.daemon.frame_slot import FrameSlot
from edge.daemon.switch import Switch
from edge.inspection.inspector import Inspector
from edge.interfaces import Camera
from edge.records import Capture
from edge.triggers import Requests, open_trigger
from firmware_config.station import Station


@dataclass(slots=True, eq=False)
class StationPipeline:
    """One station with its camera and its inspector. `live` says that the camera goes on whether we look or not.

    `requests` are the open ones of a station that is triggered over MQTT, None of another. `error` says why the camera's thread ended,
    where that is a fault of ours.
    """

    station: Station
    camera: Camera
    inspector: Inspector
    live: bool
    slot: FrameSlot[Capture] | Requests = field(init=False)
    requests: Requests | None = field(init=False, default=None)
    switch: Switch = field(init=False, default_factory=Switch)
    thread: threading.Thread = field(init=False, default_factory=threading.Thread)
    """Not begun until the daemon starts the camera."""
    stopping: threading.Event = field(init=False, default_factory=threading.Event)
    error: str | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.station.trigger.kind == "mqtt":
            self.requests = Requests(self.station.trigger, station=self.name, troubles=self.camera.troubles)
        self.slot = self.requests or FrameSlot(live=self.live)

    @property
    def name(self) -> str:
        """The station's name."""
        return self.station.station.name

    def feed(self, *, captured: threading.Event) -> None:
        """Put picture after picture into the slot, as trigger and switch allow, until the camera ends or `stop` is called.

        A live camera is let go while the station is switched off; pictures that wait in a folder or a video wait on.
        """
        trigger = open_trigger(self.station.trigger)
        while self.switch.wait_until_on(self.stopping):
            pictures = self.camera.frames()
            try:
                for capture in pictures:
                    if self.live and not self.switch.is_on:
                        break
                    if not self.switch.wait_until_on(self.stopping) or not self.slot.put(capture):
                        return
                    captured.set()
                    if not trigger.wait(self.stopping):
                        return
                else:
                    return
            finally:
                if isinstance(pictures, Generator):
                    pictures.close()

    def take(self) -> Capture | None:
        """Take the picture that is to be judged next; one of a live camera that came before the station was switched off is dropped."""
        capture = self.slot.take()
        is_stale = self.requests is None and self.live and not self.switch.is_on
        return None if is_stale else capture

    def stop(self, why: str) -> None:
        """End the camera, and take no more pictures and requests. What was taken is still judged; open requests are answered with `why`."""
        self.stopping.set()
        self.camera.close()
        if self.requests is None:
            self.slot.close()
        else:
            self.requests.close(why)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to judge or to answer."""
        return not self.slot.waiting if self.requests is None else self.requests.is_empty

    def take_over(self, before: StationPipeline) -> None:
        """Be switched on or off as the pipeline of the same station before this one."""
        self.switch = before.switch
        self._show_switch()

    def turn(self, *, on: bool) -> bool:
        """Switch the station on or off; False if it was so already."""
        if not self.switch.set(on=on):
            return False
        self._show_switch()
        return True

    def _show_switch(self) -> None:
        if self.requests is not None:
            off = f"station {self.name} is switched off: publish true on its topic enabled/set"
            self.requests.switch(off=None if self.switch.is_on else off)
