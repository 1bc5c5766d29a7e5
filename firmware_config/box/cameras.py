"""The cameras of a box: what must be known of the hardware, so that each has a name that stays and is let through the firewall."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, Field

from firmware_config.box.values import Address, Hardware, Host, Name, Port, SafePath, SingleAddress, is_address
from firmware_config.strict import STRICT

KINDS = 'Kind of camera: "usb", "csi", "rtsp", "gige" or "folder"; each has keys of its own.'
NAME_OF_CAMERA = "Name of the camera, which [[stations]] gives: letters, digits, - and _."


class UsbCamera(BaseModel):
    """A USB camera. Its station reads `device = "/dev/kotoba/NAME"`, which stays the same whatever else is plugged in."""

    model_config = STRICT
    kind: Literal["usb"] = Field(description=KINDS)
    name: Name = Field(description=NAME_OF_CAMERA)
    serial: Hardware = Field(
        description="Its serial number: ID_SERIAL_SHORT of `udevadm info --query=property /dev/video0`.", examples=["8A31F02C"]
    )
    vendor: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{4}$",
        description="ID_VENDOR_ID, where cameras of two makers have one serial number. Unset: any maker.",
        examples=["046d"],
    )

    @property
    def identity(self) -> str:
        """What no other camera of the box may be."""
        return f"serial {self.serial}" + (f" of vendor {self.vendor}" if self.vendor else "")


class CsiCamera(BaseModel):
    """A camera on the board's own bus (CSI), read as a V4L2 device: `device = "/dev/kotoba/NAME"`."""

    model_config = STRICT
    kind: Literal["csi"] = Field(description=KINDS)
    name: Name = Field(description=NAME_OF_CAMERA)
    sensor: Hardware = Field(
        description="What /sys/class/video4linux/video0/name says; it holds the sensor and where it is connected.",
        examples=["vi-output, imx219 9-0010"],
    )

    @property
    def identity(self) -> str:
        """What no other camera of the box may be."""
        return f"sensor {self.sensor}"


class RtspCamera(BaseModel):
    """A network camera that sends a video stream."""

    model_config = STRICT
    kind: Literal["rtsp"] = Field(description=KINDS)
    name: Name = Field(description=NAME_OF_CAMERA)
    host: Host = Field(description="Name or address, as the url of the station has it.", examples=["10.20.5.21"])
    addresses: tuple[Address, ...] = Field(
        default=(), max_length=16, description="Where `host` is a name: its addresses, for the firewall.", examples=[["10.20.5.21"]]
    )
    port: Port = Field(default=554, description="Port of the stream.")
    transport: Literal["tcp", "udp"] = Field(default="tcp", description="As the station has it; with udp the camera may send to the box.")
    login: bool = Field(default=False, description="True: the station has a password_file; it is given to the box as a credential.")

    @property
    def identity(self) -> None:
        """None: one recorder may have the streams of many cameras."""
        return

    @property
    def reached(self) -> tuple[str, ...]:
        """Its addresses."""
        return self.addresses or ((self.host,) if is_address(self.host) else ())


class GigeCamera(BaseModel):
    """A GigE Vision camera with an address that does not change."""

    model_config = STRICT
    kind: Literal["gige"] = Field(description=KINDS)
    name: Name = Field(description=NAME_OF_CAMERA)
    serial: Hardware = Field(description="Its serial number, as on its label.", examples=["40123456"])
    address: SingleAddress = Field(description="Its address.", examples=["192.168.70.11"])

    @property
    def identity(self) -> str:
        """What no other camera of the box may be."""
        return f"address {self.address}"


class FolderCamera(BaseModel):
    """A folder that another program or machine puts pictures into."""

    model_config = STRICT
    kind: Literal["folder"] = Field(description=KINDS)
    name: Name = Field(description=NAME_OF_CAMERA)
    path: SafePath = Field(description="The folder.", examples=["/srv/pictures"])
    may_change: bool = Field(default=False, description="True: the station moves or deletes judged files, so the box may write there.")

    @property
    def identity(self) -> str:
        """What no other camera of the box may be."""
        return f"path {self.path}"


BoxCamera: TypeAlias = Annotated[UsbCamera | CsiCamera | RtspCamera | GigeCamera | FolderCamera, Field(discriminator="kind")]
