"""A bundle of the right shape with the smallest files that pass the header checks; no model in it can run."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

from edge.bundle.archive import END, header, padding
from firmware_config.signature import encode_signature, generate_key, key_id, public_key

KEY = generate_key()
TRUSTED = {key_id(public_key(KEY)): public_key(KEY)}

Files = dict[str, bytes]
Json = dict[str, Any]


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def field(number: int, content: bytes | int) -> bytes:
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def onnx(tensor: bytes = b"", node: bytes = b"") -> bytes:
    return field(1, 8) + field(7, field(1, node) + field(5, field(1, 2) + field(9, b"\0" * 8) + tensor))


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def gguf(keys: bytes = b"", key_count: int = 0, shape: int = 32, offset: int = 0, tensors: int = 1, version: int = 3) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, tensors, key_count) + keys
    head += text("blk.0.weight") + struct.pack("<IQIQ", 1, shape, 2, offset)
    return head + bytes(-len(head) % 32) + bytes(18)


def sound_files() -> Files:
    return {
        "blip/decoder.onnx": onnx(), "blip/tokenizer.json": b"{}", "blip/vision.onnx": onnx(),
        "clip/attributes.npy": b"\x93NUMPY", "clip/attributes.txt": b"a thin dark line\n",
        "clip/tags.npy": b"\x93NUMPY", "clip/tags.txt": b"crack\n",
        "clip/text.onnx": onnx(), "clip/tokenizer.json": b"{}", "clip/vision.onnx": onnx(field(14, 0)),
        "golden/cell.png": b"\x89PNG", "golden/cell.jpg": b"\xff\xd8", "golden/station.toml": b"", "licences/NOTICE.txt": b"notice",
        "llm/adapters/product.gguf": gguf(), "llm/model.gguf": gguf(text("general.alignment") + struct.pack("<II", 4, 32), 1),
        "templates/default.txt": b"{labels} {description}",
    }  # fmt: skip


def manifest_of(files: Files) -> Json:
    picture = {"size": 32, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
    return {
        "schema": "kotoba.bundle/1", "name": "tiny", "bundle_version": 3, "key_id": key_id(public_key(KEY)),
        "describer": {
            "kind": "clip_blip",
            "clip": {
                "vision": "clip/vision.onnx", "text": "clip/text.onnx", "tokenizer": "clip/tokenizer.json",
                "context_tokens": 16, "preprocess": picture,
                "tags": {"words": "clip/tags.txt", "embeddings": "clip/tags.npy"},
                "attributes": {"words": "clip/attributes.txt", "embeddings": "clip/attributes.npy"},
            },
            "blip": {
                "vision": "blip/vision.onnx", "decoder": "blip/decoder.onnx", "tokenizer": "blip/tokenizer.json", "preprocess": picture,
                "layers": 1, "heads": 1, "head_dim": 8, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
            },
        },
        "llm": {"model": "llm/model.gguf", "adapters": {"product": "llm/adapters/product.gguf"}},
        "templates": {"default": "templates/default.txt"},
        "golden": [{"picture": "golden/cell.png", "decision": "NG", "label": "crack", "probability": 0.9}],
        "files": [
            {"path": path, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "licence": "Apache-2.0"}
            for path, content in sorted(files.items())
        ],
    }  # fmt: skip


def as_json(manifest: Json) -> bytes:
    return json.dumps(manifest, sort_keys=True).encode()


def write(root: Path, files: Files, raw: bytes, *, key: bytes = KEY) -> None:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    root.mkdir(exist_ok=True)
    (root / "manifest.json").write_bytes(raw)
    (root / "manifest.sig").write_bytes(encode_signature(raw, key))


def archive_parts(files: Files, raw: bytes, *, key: bytes = KEY) -> list[bytes]:
    members = {"manifest.json": raw, "manifest.sig": encode_signature(raw, key), **dict(sorted(files.items()))}
    parts = [part for name, content in members.items() for part in (header(name, len(content)), content, padding(len(content)))]
    return [*parts, END]


def everything_below(folder: Path) -> dict[str, object]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() and not path.is_symlink() else path.lstat().st_mode
        for path in folder.rglob("*")
    }


def is_one_sentence(message: str) -> bool:
    return bool(message) and "\n" not in message and ". " not in message and not message.endswith(".") and len(message) < 600
