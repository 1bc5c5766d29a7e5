"""A network camera over RTSP, read with FFmpeg."""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit

import cv2

from edge.cameras.child import ChildCamera
from edge.cameras.known_noise import KnownNoise
from edge.cameras.reader_process import FFMPEG_ENVIRONMENT, Source
from edge.errors import CameraError
from firmware_config.cameras import RtspCamera as Settings
from firmware_config.redact import without_login
from firmware_config.regular_file import read_secret

SPARE_MS = 2_000
"""FFmpeg's own limit for a read is later than that of the parent: a read that FFmpeg gives up looks like damage, and is a stall."""

_OPTIONS = {"tcp": "rtsp_transport;tcp|reorder_queue_size;2", "udp": "rtsp_transport;udp"}
"""Only with a queue does FFmpeg say that packets are missing. Over UDP it has one."""


def open_rtsp(settings: Settings, *, station: str, known: KnownNoise | None = None) -> ChildCamera:
    """Make the camera; the stream is opened by its child process.

    Raises:
        CameraError: the password file cannot be read or does not hold `user:password`.
    """
    parts = urlsplit(settings.url)
    host = parts.netloc.rpartition("@")[2]
    address = settings.url if settings.password_file is None else urlunsplit(parts._replace(netloc=f"{_login(settings)}@{host}"))
    shown = urlsplit(without_login(settings.url))
    source = Source(
        name=urlunsplit(shown._replace(netloc=shown.netloc.rpartition("@")[2], query="", fragment="")),
        address=address,
        # Without an explicit backend the two time limits are ignored (opencv #23207).
        backend=cv2.CAP_FFMPEG,
        parameters=(
            *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, settings.open_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, settings.read_ms + SPARE_MS),
            *(cv2.CAP_PROP_N_THREADS, 1),  # so that what the decoder says belongs to the frame that it gives
        ),
        environment={"OPENCV_FFMPEG_CAPTURE_OPTIONS": _OPTIONS[settings.transport], **FFMPEG_ENVIRONMENT},
        open_ms=settings.open_ms,
        read_ms=settings.read_ms,
        tell_frozen=settings.tell_frozen,
        harmless=settings.harmless,
    )
    return ChildCamera(source, station=station, known=known)


def _login(settings: Settings) -> str:
    path = settings.password_file
    try:
        login = read_secret(path) if path is not None else ""
    except (OSError, UnicodeDecodeError) as err:
        why = getattr(err, "strerror", err)
        msg = f"camera {without_login(settings.url)}: its password file {path} cannot be read ({why}): give the file as `user:password`"
        raise CameraError(msg) from err
    user, colon, password = login.partition(":")
    if not colon:
        msg = f"camera {without_login(settings.url)}: its password file {path} holds no `user:password`: correct the file"
        raise CameraError(msg)
    return f"{quote(user, safe='')}:{quote(password, safe='')}"
