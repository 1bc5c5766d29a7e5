"""The camera section of a station file: one model for each `kind`.

`live` says whether the camera goes on when nobody looks. Of a live camera the newest picture wins; of the others no picture may be dropped.
`named_files` gives the keys and paths of what must be on the machine before a box starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, Field

from firmware_config.strict import STRICT


class FolderCamera(BaseModel):
    """Pictures in a folder, in name order; with `watch`, new files as they appear."""

    model_config = STRICT
    live: ClassVar[bool] = False
    kind: Literal["folder"]
    path: Path
    pattern: str = Field(
        default="*",
        pattern=r"^[^/]+(/[^/]+)*$",
        description="Glob pattern of names under `path`; names that begin with a dot only if it does.",
    )

    watch: bool = False
    repeat: bool = False
    poll_ms: int = Field(default=200, ge=10, le=60_000)
    max_pixels: int = Field(default=64_000_000, ge=1, description="A larger picture is a FAULT, judged by its header alone.")
    max_bytes: int = Field(default=256_000_000, ge=1)

    def named_files(self) -> Iterator[tuple[str, Path]]:
        """The folder that must be there."""
        yield "path", self.path


class VideoCamera(BaseModel):
    """A video file, read with FFmpeg."""

    model_config = STRICT
    live: ClassVar[bool] = False
    kind: Literal["video"]
    path: Path
    every: int = Field(default=1, ge=1, description="Keep one frame of this many.")

    def named_files(self) -> Iterator[tuple[str, Path]]:
        """The file that must be there."""
        yield "path", self.path


class V4l2Camera(BaseModel):
    """A USB or CSI camera by its stable name under /dev/v4l/by-id."""

    model_config = STRICT
    live: ClassVar[bool] = True
    kind: Literal["v4l2"]
    device: Path
    width: int | None = Field(default=None, ge=16, le=16_384)
    height: int | None = Field(default=None, ge=16, le=16_384)
    fps: float | None = Field(default=None, gt=0, le=1000)
    open_ms: int = Field(default=5_000, ge=100)
    read_ms: int = Field(default=3_000, ge=100, description="No frame for this long: the reader is killed and started again.")

    def named_files(self) -> Iterator[tuple[str, Path]]:
        """None: a camera may be unplugged when the box starts."""
        yield from ()


class RtspCamera(BaseModel):
    """A network camera, by default over TCP."""

    model_config = STRICT
    live: ClassVar[bool] = True
    kind: Literal["rtsp"]
    url: str = Field(pattern=r"^rtsps?://\S+$")
    password_file: Path | None = Field(default=None, description="Holds `user:password`, given by systemd LoadCredential=.")
    transport: Literal["tcp", "udp"] = "tcp"
    open_ms: int = Field(default=5_000, ge=100)
    read_ms: int = Field(default=3_000, ge=100)

    def named_files(self) -> Iterator[tuple[str, Path]]:
        """The password file, if there is one."""
        if self.password_file is not None:
            yield "password_file", self.password_file


Camera: TypeAlias = Annotated[FolderCamera | VideoCamera | V4l2Camera | RtspCamera, Field(discriminator="kind")]
