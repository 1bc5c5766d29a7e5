"""The camera section of a station file: one model for each `kind`.

`live` says whether new frames arrive while the box is busy: from a live camera it takes the newest and drops the others; from a folder or a
video it takes every picture.
`named_files` gives the keys and paths of what must be on the machine before a box starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator, model_validator

from firmware_config.strict import STRICT

KINDS = 'Kind of camera: "folder", "video", "v4l2" or "rtsp"; each has keys of its own.'

PICTURE_SUFFIXES = ("png", "jpg", "jpeg", "bmp", "tif", "tiff", "webp", "jp2", "pgm", "ppm", "pnm")
"""The endings of picture files. One whose format is not read is a FAULT: silence would hide the part."""

Harmless = Annotated[tuple[Annotated[str, Field(min_length=3, max_length=120)], ...], Field(max_length=32)]

NamePattern = Annotated[str, Field(pattern=r"^[^/]+(/[^/]+)*$")]


class FolderCamera(BaseModel):
    """Pictures in a folder, in the order of their names."""

    model_config = STRICT
    live: ClassVar[bool] = False
    kind: Literal["folder"] = Field(description=KINDS)
    path: Path = Field(description="The folder.", examples=["/var/lib/kotoba/pictures"])
    pattern: NamePattern | Annotated[tuple[NamePattern, ...], Field(min_length=1)] = Field(
        default=tuple(f"*.{suffix}" for suffix in PICTURE_SUFFIXES),
        description="Glob pattern, or a list of them, of the names below `path` that are pictures; other files are left alone. A pattern "
        "with a wildcard takes upper and lower case alike. `**/` takes sub-folders. A name that begins with a dot needs a pattern that "
        "begins with a dot.",
    )
    watch: bool = Field(
        default=True,
        description="True: wait for new files and judge each of them once, also after a restart. False: judge what is there and end.",
    )
    repeat: bool = Field(default=False, description="With `watch = false`: begin again after the last picture.")
    poll_ms: int = Field(
        default=200,
        ge=10,
        le=60_000,
        description="Milliseconds; with `watch`: how often the folder is read; a large folder is read less often.",
    )
    stand_still_ms: int = Field(
        default=5_000,
        ge=10,
        le=600_000,
        description="With `watch`: a file whose writer was not seen to close it (on a network share, or written before the start) is "
        "taken once its size and time have not changed for this long.",
    )
    after: Literal["leave", "move", "delete"] = Field(
        default="leave", description="With `watch`: what happens to a file once its verdict is in the spool."
    )
    move_to: Path | None = Field(
        default=None, description='With `after = "move"`: the folder that judged files are moved to.', examples=["/var/lib/kotoba/judged"]
    )
    max_pixels: int = Field(default=64_000_000, ge=1, description="A picture with more is a FAULT; its pixels are not decoded.")
    max_bytes: int = Field(default=256_000_000, ge=1, description="A larger file is a FAULT.")

    @property
    def patterns(self) -> tuple[str, ...]:
        """The patterns of names, also where only one is given."""
        return (self.pattern,) if isinstance(self.pattern, str) else self.pattern

    def named_files(self) -> Iterator[tuple[str, Path]]:
        """The folders that must be there."""
        yield "path", self.path
        if self.move_to is not None:
            yield "move_to", self.move_to

    @model_validator(mode="after")
    def _keys_agree(self) -> FolderCamera:
        if self.watch and self.repeat:
            msg = "repeat = true needs watch = false: a watched folder has no last picture"
        elif self.after != "leave" and not self.watch:
            msg = f'after = "{self.after}" needs watch = true: only a watched folder remembers what was judged'
        elif (self.after == "move") != (self.move_to is not None):
            msg = 'after = "move" and move_to = FOLDER belong together: give both or none'
        elif self.move_to is not None and self._would_take(self.move_to):
            msg = f"move_to = {self.move_to} is read again by this camera: name a folder that path and pattern do not reach"
        else:
            return self
        raise ValueError(msg)

    def _would_take(self, folder: Path) -> bool:
        inside = folder.is_relative_to(self.path)
        return folder == self.path or (inside and any("/" in pattern for pattern in self.patterns))


class VideoCamera(BaseModel):
    """A video file, read with FFmpeg."""

    model_config = STRICT
    live: ClassVar[bool] = False
    kind: Literal["video"] = Field(description=KINDS)
    path: Path = Field(description="The file.", examples=["/var/lib/kotoba/line.mp4"])
    every: int = Field(default=1, ge=1, description="Take every n-th frame.")
    read_ms: int = Field(
        default=10_000,
        ge=100,
        description="Milliseconds; deadline for opening the file and for each frame; then its reader process is killed.",
    )
    harmless: Harmless = Field(
        default=(),
        description="Parts of complaints of the video decoder that mean nothing with this file. Any other complaint makes its frames a "
        "FAULT, `unreadable`, until the next key frame; the detail quotes it.",
        examples=[["Invalid qtable length"]],
    )

    def named_files(self) -> Iterator[tuple[str, Path]]:
        """The file that must be there."""
        yield "path", self.path


class V4l2Camera(BaseModel):
    """A USB or CSI camera, by its stable name under /dev/v4l/by-id."""

    model_config = STRICT
    live: ClassVar[bool] = True
    kind: Literal["v4l2"] = Field(description=KINDS)
    device: Path = Field(
        description="Its name under /dev/v4l/by-id stays the same after a restart; /dev/video0 may become another camera.",
        examples=["/dev/v4l/by-id/usb-CAMERA-video-index0"],
    )
    width: int | None = Field(default=None, ge=16, le=16_384, description="Pixels. Unset: the driver's default.", examples=[1920])
    height: int | None = Field(default=None, ge=16, le=16_384, description="Pixels. Unset: the driver's default.", examples=[1080])
    fps: float | None = Field(default=None, gt=0, le=1000, description="Frames per second. Unset: the driver's default.", examples=[10.0])
    open_ms: int = Field(default=5_000, ge=100, description="Milliseconds; deadline for opening the camera.")
    read_ms: int = Field(
        default=3_000, ge=100, description="Milliseconds; deadline for a frame; then the reader process is killed and started again."
    )
    tell_frozen: bool = Field(
        default=True,
        description="True: pictures in which the sensor's noise stands still are a FAULT, `frozen`, also where the camera encodes them "
        "anew. How much noise there is, is learned while the camera lives; the log says where it is too little.",
    )

    def named_files(self) -> Iterator[tuple[str, Path]]:
        """None: a camera may be unplugged when the box starts."""
        yield from ()


class RtspCamera(BaseModel):
    """A network camera, by default over TCP."""

    model_config = STRICT
    live: ClassVar[bool] = True
    kind: Literal["rtsp"] = Field(description=KINDS)
    url: str = Field(
        repr=False, pattern=r"^rtsps?://\S+$", description="Address of the stream.", examples=["rtsp://camera.plant.lan/stream1"]
    )
    password_file: Path | None = Field(
        default=None,
        description="File with `user:password`, such as systemd's LoadCredential= gives.",
        examples=["/run/credentials/kotoba-edge.service/camera"],
    )
    transport: Literal["tcp", "udp"] = Field(default="tcp", description='"udp" drops packets where TCP waits.')
    open_ms: int = Field(default=5_000, ge=100, description="Milliseconds; deadline for opening the stream.")
    read_ms: int = Field(
        default=3_000, ge=100, description="Milliseconds; deadline for a frame; then the reader process is killed and started again."
    )
    tell_frozen: bool = Field(
        default=True,
        description="True: pictures in which the sensor's noise stands still are a FAULT, `frozen`, also where the camera encodes them "
        "anew. How much noise there is, is learned while the camera lives; the log says where it is too little.",
    )
    harmless: Harmless = Field(
        default=(),
        description="Parts of complaints of the video decoder that mean nothing with this camera. Any other complaint makes its pictures a "
        "FAULT, `camera_damaged`, until the next key frame, and 10 s longer where no packet is missing; the detail quotes it.",
        examples=[["Invalid qtable length"]],
    )

    def named_files(self) -> Iterator[tuple[str, Path]]:
        """The password file, if there is one."""
        if self.password_file is not None:
            yield "password_file", self.password_file

    @field_validator("url")
    @classmethod
    def _names_a_host(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host = None
        if not host:
            # Without the address: there may be a password in it, and one that is written as it is makes it wrong.
            msg = "it names no host, or no number as its port: write rtsp://HOST:PORT/PATH, and a login into a password_file"
            raise ValueError(msg)
        return url


Camera: TypeAlias = Annotated[FolderCamera | VideoCamera | V4l2Camera | RtspCamera, Field(discriminator="kind")]
