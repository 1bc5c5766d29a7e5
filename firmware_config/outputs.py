"""The outputs of a station file. `named_files` gives the keys and paths of what must be on the machine before a box starts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, model_validator

from firmware_config.strict import STRICT


class MqttTls(BaseModel):
    """TLS to the broker; certificates and keys are files."""

    model_config = STRICT
    ca_file: Path = Field(description="Certificates that the broker's certificate must lead to (PEM).", examples=["/etc/kotoba/tls/ca.pem"])
    cert_file: Path | None = Field(
        default=None, description="The box's own certificate (PEM), if the broker asks for one.", examples=["/etc/kotoba/tls/station.pem"]
    )
    key_file: Path | None = Field(
        default=None,
        description="The private key of `cert_file` (PEM).",
        examples=["/run/credentials/kotoba-edge.service/tls.key"],
    )


class MqttOutput(BaseModel):
    """An MQTT broker."""

    model_config = STRICT
    host: str = Field(pattern=r"^[^\s/@]+$", description="Name or address of the broker, without a login.", examples=["localhost"])
    port: int = Field(default=1883, ge=1, le=65_535, description="Port of the broker; 8883 is usual with TLS.")
    protocol: Literal["5", "3.1.1"] = Field(default="5", description='Version of MQTT; "3.1.1" cannot report that no one subscribes.')
    tls: MqttTls | None = Field(default=None, description="TLS to the broker; unset: none.")
    username: str | None = Field(default=None, description="Name by which the box logs in; unset: none.", examples=["kotoba"])
    password_file: Path | None = Field(
        default=None,
        description="File with the password, such as systemd's LoadCredential= gives.",
        examples=["/run/credentials/kotoba-edge.service/mqtt"],
    )
    keepalive_s: int = Field(default=10, ge=2, le=3_600, description="Seconds of silence after which broker and box ask for each other.")
    ack_timeout_s: float = Field(
        default=5.0, gt=0, le=600, description="Deadline for the acknowledgement of a verdict; then it is sent again."
    )
    require_subscriber: bool = Field(
        default=True, description="With MQTT 5: keep a verdict that the broker took without a subscriber (reason 0x10), and raise an alarm."
    )

    max_message_bytes: int | None = Field(
        default=None,
        ge=4_096,
        description="Bytes of the largest message that the broker takes; a larger verdict is sent without its words. Unset: as the broker"
        " says with MQTT 5; one with 3.1.1 says nothing, and may drop what is larger.",
        examples=[65_536],
    )

    def named_files(self) -> Iterator[tuple[str, Path]]:
        """The password file and the files of TLS, as far as they are given."""
        if self.password_file is not None:
            yield "password_file", self.password_file
        if self.tls is not None:
            yield from ((f"tls.{key}", path) for key, path in self.tls if path is not None)


class JsonlOutput(BaseModel):
    """A file on this box, one JSON line for each verdict."""

    model_config = STRICT
    path: Path = Field(description="The file; lines are appended.", examples=["/var/lib/kotoba/verdicts.jsonl"])
    max_bytes: int | None = Field(
        default=None,
        ge=100_000,
        description="A file of this size is put aside as PATH.000001, PATH.000002 and so on, whole, and a new one begun. Unset: never.",
        examples=[100_000_000],
    )
    keep_files: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="So many files that were put aside are kept, the newest; needs `max_bytes`. Unset: 10.",
        examples=[10],
    )

    @model_validator(mode="after")
    def _kept_files_are_put_aside(self) -> JsonlOutput:
        if self.keep_files is not None and self.max_bytes is None:
            msg = "keep_files is given, but no file is put aside: set max_bytes too"
            raise ValueError(msg)
        return self

    def named_files(self) -> Iterator[tuple[str, Path]]:
        """None: the file is made when the box starts."""
        yield from ()


class Outputs(BaseModel):
    """Where the verdicts of a station go. The spool keeps them in any case."""

    model_config = STRICT
    mqtt: MqttOutput | None = Field(default=None, description="An MQTT broker; unset: none.")
    jsonl: JsonlOutput | None = Field(default=None, description="A file of JSON lines on this box; unset: none.")

    def named_files(self) -> Iterator[tuple[str, Path]]:
        """The files that must exist, for every output."""
        for name, output in self:
            if output is not None:
                yield from ((f"{name}.{key}", path) for key, path in output.named_files())
