"""Checks an ONNX file's protobuf before onnxruntime reads it: the file must not refer to other files.

onnxruntime follows external data through hard links, so the models of a bundle must hold all their weights. Field numbers are those of
onnx.proto (IR version 3 and later), wire types those of the protobuf encoding.
"""

from __future__ import annotations

import mmap
import os

from edge.errors import BundleError
from firmware_config.verified_file import StoredFile, steady_path

MAX_FIELDS = 300_000
"""Takes under a second to check; the largest real graphs have about 50,000 fields."""

MAX_DEPTH = 60
"""Messages within each other. A graph within a graph is three; real models have two or three graphs within each other."""

MAX_TAG = 0xFFFF_FFFF
"""Native parsers keep 32 bits of a tag: a longer tag could hide a field number from this check."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_CHILDREN: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
"""Message -> number of each field that leads to a tensor -> the message in that field."""

_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_OP_TYPE = 4


def require_self_contained(model: StoredFile) -> None:
    """Refuse an ONNX file that refers to weights or compiled engines in other files, or that is no sound protobuf.

    Raises:
        BundleError: it refers to another file, is damaged or empty, or has more than MAX_FIELDS fields.
        ManifestError: its content is not what the manifest of its bundle lists.
        OSError: it cannot be read.
    """
    with steady_path(model) as path, path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            msg = f"{model.name} is empty, expected an ONNX model: export it again"
            raise BundleError(msg)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
            try:
                _walk(raw, model.name)
            except (IndexError, _DamagedError) as err:
                msg = f"{model.name} is no sound ONNX file: export it again"
                raise BundleError(msg) from err


class _DamagedError(Exception):
    """The file is no protobuf, or is cut off."""


def _walk(raw: mmap.mmap, name: str) -> None:
    pending = [("model", 0, len(raw), 0)]
    fields, graphs = 0, 0
    while pending:
        kind, at, end, depth = pending.pop()
        graphs += kind == "graph"
        children = _CHILDREN[kind]
        while at < end:
            fields += 1
            if fields > MAX_FIELDS or depth > MAX_DEPTH:
                msg = f"{name} has more than {MAX_FIELDS} fields, or messages more than {MAX_DEPTH} deep: export a smaller graph"
                raise BundleError(msg)
            tag, at = _varint(raw, at)
            number, wire = tag >> 3, tag & 7
            value, start, at = _skip(raw, at, wire)
            if at > end or not number or tag > MAX_TAG:
                raise _DamagedError
            if number in children:
                if wire != _BYTES:
                    raise _DamagedError
                pending.append((children[number], start, at, depth + 1))
            elif kind == "tensor" and (number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value)):
                msg = f"{name} keeps weights in another file: export it with all weights inside"
                raise BundleError(msg)
            elif kind == "node" and number == _OP_TYPE and raw[start:at] == b"EPContext":
                msg = f"{name} has an EPContext node, which may load another file: export it without compiled engines"
                raise BundleError(msg)
    if not graphs:
        raise _DamagedError


def _skip(raw: mmap.mmap, at: int, wire: int) -> tuple[int, int, int]:
    """Skip the content of a field that begins at `at`: its value (0 unless a varint), the start of its bytes, and its end."""
    if wire == _VARINT:
        value, end = _varint(raw, at)
        return value, at, end
    if wire == _BYTES:
        size, start = _varint(raw, at)
        return 0, start, start + size
    if wire in {_FIXED64, _FIXED32}:
        return 0, at, at + (8 if wire == _FIXED64 else 4)
    raise _DamagedError


def _varint(raw: mmap.mmap, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise _DamagedError
