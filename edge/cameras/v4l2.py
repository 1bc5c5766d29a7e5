"""A USB or CSI camera through Video4Linux, by its stable name under /dev/v4l/by-id."""

from __future__ import annotations

import cv2

from edge.cameras.child import ChildCamera
from edge.cameras.known_noise import KnownNoise
from edge.cameras.reader_process import Source
from firmware_config.cameras import V4l2Camera as Settings


def open_v4l2(settings: Settings, *, station: str, known: KnownNoise | None = None) -> ChildCamera:
    """Make the camera; the device is opened by its child process."""
    wishes = {cv2.CAP_PROP_FRAME_WIDTH: settings.width, cv2.CAP_PROP_FRAME_HEIGHT: settings.height, cv2.CAP_PROP_FPS: settings.fps}
    parameters = [int(value) for key, wish in wishes.items() if wish is not None for value in (key, wish)]
    source = Source(
        name=str(settings.device),
        address=str(settings.device),
        backend=cv2.CAP_V4L2,
        parameters=tuple(parameters),
        environment={},
        open_ms=settings.open_ms,
        read_ms=settings.read_ms,
        tell_frozen=settings.tell_frozen,
    )
    return ChildCamera(source, station=station, known=known)
