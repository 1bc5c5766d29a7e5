"""The outputs of a station file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from firmware_config.strict import STRICT


class MqttTls(BaseModel):
    """TLS towards the broker. Secrets are files."""

    model_config = STRICT
    ca_file: Path
    cert_file: Path | None = None
    key_file: Path | None = None


class MqttOutput(BaseModel):
    """A broker of the plant."""

    model_config = STRICT
    host: str = Field(min_length=1)
    port: int = Field(default=1883, ge=1, le=65_535)
    protocol: Literal["5", "3.1.1"] = "5"
    tls: MqttTls | None = None
    username: str | None = None
    password_file: Path | None = None
    keepalive_s: int = Field(default=10, ge=2, le=3_600)
    ack_timeout_s: float = Field(default=10.0, gt=0, le=600)
    require_subscriber: bool = Field(default=True, description="MQTT 5: keep a verdict that nobody listens to (0x10) and raise an alarm.")


class JsonlOutput(BaseModel):
    """A file of JSON lines on this box."""

    model_config = STRICT
    path: Path


class Outputs(BaseModel):
    """Where the verdicts of a station go; at least the spool always has them."""

    model_config = STRICT
    mqtt: MqttOutput | None = None
    jsonl: JsonlOutput | None = None
