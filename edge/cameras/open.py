"""Cameras. Which one is the station's matter."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from typing_extensions import assert_never

if TYPE_CHECKING:
    from edge.cameras.known_noise import KnownNoise
    from edge.interfaces import Camera, JudgedFiles
    from firmware_config.cameras import Camera as CameraSettings
    from firmware_config.station import Picture


def open_camera(
    settings: CameraSettings,
    *,
    station: str,
    picture: Picture,
    judged: JudgedFiles | None = None,
    on_left_alone: Callable[[], None] = lambda: None,
    known: KnownNoise | None = None,
) -> Camera:
    """Make the camera of a station; nothing is opened before `frames` is called.

    `picture` is the station's section of that name: how picture files are read. A watched folder gives no file that is `judged`, and calls
    `on_left_alone` for each file whose name is no picture. `known` is what the box knows of the noise of live cameras.

    Raises:
        CameraError: it cannot be opened as it is configured.
    """
    match settings.kind:
        case "folder":
            from edge.cameras.folder import FolderCamera

            return FolderCamera(settings, station=station, picture=picture, judged=judged, on_left_alone=on_left_alone)
        case "video":
            from edge.cameras.video import VideoCamera

            return VideoCamera(settings, station=station)
        case "v4l2":
            from edge.cameras.v4l2 import open_v4l2

            return open_v4l2(settings, station=station, known=known)
        case "rtsp":
            from edge.cameras.rtsp import open_rtsp

            return open_rtsp(settings, station=station, known=known)
        case _:
            assert_never(settings.kind)
