"""The kinds of values in box.toml. Each is so narrow that it cannot end a line or a word of the system files that it goes into."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, Field

MAX_NAME, MAX_PATH = 64, 256
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
FOLDER = re.compile(r"(/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)+")
HARDWARE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9 ,._:-]{0,126}[A-Za-z0-9])?")
"""What a camera says of itself. In a udev rule `*`, `?`, `[` and `|` would match more than one camera, `"` would end the rule."""

PRIVATE_ENOUGH = 8
"""Bits of the widest network that may be named: 10.0.0.0/8."""


def _name(text: str) -> str:
    if NAME.fullmatch(text) is None or len(text) > MAX_NAME:
        msg = f"a name has letters, digits, - and _, begins with a letter or digit and has {MAX_NAME} at most, got {text[:80]!r}"
        raise ValueError(msg)
    return text


def _host(text: str) -> str:
    if HOST_NAME.fullmatch(text) is None and not is_address(text):
        msg = f"expected the name or the address of a machine, got {text[:80]!r}"
        raise ValueError(msg)
    return text


def _path(text: str) -> str:
    if FOLDER.fullmatch(text) is None or len(text) > MAX_PATH:
        msg = f"expected a path from / on, of letters, digits and . _ + -, without spaces and .., at most {MAX_PATH}, got {text[:80]!r}"
        raise ValueError(msg)
    return text


def _hardware(text: str) -> str:
    if HARDWARE.fullmatch(text) is None:
        msg = f"expected letters, digits, spaces and , . _ : - as the camera says it of itself, got {text[:80]!r}"
        raise ValueError(msg)
    return text


def _address(text: str) -> str:
    """The address or network as one writes it canonically."""
    try:
        network = _network(text)
    except ValueError as err:
        msg = f"expected an address or a network such as 10.20.0.5 or 10.20.3.0/24, got {text[:80]!r} ({err})"
        raise ValueError(msg) from None
    if network.prefixlen < PRIVATE_ENOUGH or network.is_multicast or network.is_loopback or network.is_unspecified:
        msg = f"{text} is no machine or network of a plant: name those that the box has to do with"
        raise ValueError(msg)
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    if "%" in text:
        msg = "it names an interface too"
        raise ValueError(msg)
    return ipaddress.ip_network(text)


def _single_address(text: str) -> str:
    if not is_address(text):
        msg = f"expected the address of one machine, such as 10.20.0.5, got {text[:80]!r}"
        raise ValueError(msg)
    return _address(text)


def is_address(text: str) -> bool:
    """Whether it is the address of one machine, not a name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def is_of_the_internet(address: str) -> bool:
    """Whether machines outside of a plant have such addresses."""
    return ipaddress.ip_network(address).is_global


def is_ipv6(address: str) -> bool:
    """Whether an address or network is one of IPv6."""
    return ":" in address


Name = Annotated[str, AfterValidator(_name), Field(json_schema_extra={"pattern": f"^{NAME.pattern}$", "maxLength": MAX_NAME})]
Host = Annotated[str, AfterValidator(_host)]
SafePath = Annotated[str, AfterValidator(_path), Field(json_schema_extra={"pattern": f"^{FOLDER.pattern}$", "maxLength": MAX_PATH})]
Hardware = Annotated[str, AfterValidator(_hardware), Field(json_schema_extra={"pattern": f"^{HARDWARE.pattern}$"})]
Address = Annotated[str, AfterValidator(_address)]
"""An address or a network, IPv4 or IPv6."""
SingleAddress = Annotated[str, AfterValidator(_single_address)]
Port = Annotated[int, Field(ge=1, le=65_535)]
