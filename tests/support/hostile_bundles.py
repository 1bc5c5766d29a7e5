"""Bundles that somebody made to harm: what a builder could sign by mistake or malice, and what somebody could do to a signed folder."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firmware_config.signature import encode_signature, generate_key, key_id, public_key
from tests.support.tiny_bundle import KEY, Files, Json, as_json, field, gguf, onnx, sound_files, text, varint

OTHER_KEY = generate_key()

EXTERNAL = field(13, field(1, b"location") + field(2, b"weights.bin")) + field(14, 1)

# What a builder whom the box trusts could sign by mistake or malice: files, then the manifest over them, are changed before signing.
SIGNED: list[tuple[str, Callable[[Files], object], Callable[[Json], object], str]] = []


def put(path: str, content: bytes) -> Callable[[Files], object]:
    return lambda files: files.update({path: content})


def list_also(path: str, **changes: object) -> Callable[[Json], object]:
    entry = {"path": path, "sha256": "0" * 64, "size": 0, "licence": "x", **changes}
    return lambda manifest: manifest["files"].append(entry)


def change_at(*keys: str | int, to: object) -> Callable[[Json], object]:
    def change(manifest: Json) -> None:
        target: Any = manifest
        for key in keys[:-1]:
            target = target[key]
        target[keys[-1]] = to

    return change


for name, content, expected in (
    ("file onnx external data", onnx(EXTERNAL), "another file"),
    ("file onnx external location only", onnx(field(14, 1)), "another file"),
    ("file onnx external in node attribute", onnx(node=field(5, field(5, EXTERNAL))), "another file"),
    ("file onnx external in subgraph", onnx(node=field(5, field(6, field(5, EXTERNAL)))), "another file"),
    ("file onnx external in tensor list", onnx(node=field(5, field(10, EXTERNAL))), "another file"),
    ("file onnx external in sparse tensor", onnx() + field(7, field(15, field(1, EXTERNAL))), "another file"),
    ("file onnx external in function", onnx() + field(25, field(7, field(5, field(5, EXTERNAL)))), "another file"),
    ("file onnx external in training graph", onnx() + field(20, field(1, field(5, EXTERNAL))), "another file"),
    ("file onnx external in second graph", onnx() + field(7, field(5, EXTERNAL)), "another file"),
    ("file onnx engine context", onnx(node=field(4, b"EPContext")), "EPContext"),
    ("file onnx empty", b"", "is empty"),
    ("file onnx cut short", onnx()[:-3], "no sound ONNX"),
    ("file onnx length beyond end", field(1, 8) + b"\x3a\xff\xff\xff\x7f", "no sound ONNX"),
    ("file onnx endless number", b"\xff" * 40, "no sound ONNX"),
    ("file onnx group", b"\x0b\x0c", "no sound ONNX"),
    ("file onnx hidden field number", onnx(varint((14 << 3) + (1 << 35)) + b"\1"), "no sound ONNX"),
    ("file onnx a pickle in disguise", b"\x80\x04\x95\x1a\x00cposix\nsystem\n.", "no sound ONNX"),
    ("file onnx no graph", field(1, 8), "no sound ONNX"),
    ("file onnx too many fields", onnx(field(2, 1) * 300_001), "fields"),
):
    SIGNED.append((name, put("clip/vision.onnx", content), lambda _: None, expected))

for name, content, expected in (
    ("file gguf wrong magic", b"GGML" + gguf()[4:], "does not begin with GGUF"),
    ("file gguf empty", b"", "is empty"),
    ("file gguf version", gguf(version=4), "version 4"),
    ("file gguf big-endian", b"GGUF" + struct.pack(">I", 3) + gguf()[8:], "version"),
    ("file gguf a million keys", gguf(key_count=1_000_000), "1000000 keys"),
    ("file gguf a million tensors", gguf(tensors=1_000_000), "1000000 tensors"),
    ("file gguf cut short", gguf()[:40], "ends too early"),
    ("file gguf tensor beyond end", gguf(shape=64), "beyond the end of the file"),
    ("file gguf tensor far away", gguf(offset=1 << 40), "beyond the end of the file"),
    ("file gguf overflow of shape", gguf(shape=1 << 63), "does not fit"),
    ("file gguf tensor of nothing", gguf(shape=0), "does not fit"),
    ("file gguf crooked offset", gguf(offset=7), "does not fit"),
    ("file gguf zero alignment", gguf(text("general.alignment") + struct.pack("<II", 4, 0), 1), "alignment 0"),
    ("file gguf alignment as text", gguf(text("general.alignment") + struct.pack("<I", 8) + text("32"), 1), "alignment"),
    ("file gguf endless key", gguf(struct.pack("<Q", 1 << 62), 1), "expected at most"),
    ("file gguf endless array", gguf(text("a") + struct.pack("<IIQ", 9, 4, 1 << 61), 1), "an array of"),
    ("file gguf array in array", gguf(text("a") + struct.pack("<IIQ", 9, 9, 1), 1), "array of type 9"),
    ("file gguf unknown value", gguf(text("a") + struct.pack("<I", 77), 1), "type 77"),
    ("file gguf key twice", gguf((text("a") + struct.pack("<IB", 7, 1)) * 2, 2), "twice"),
    ("file gguf tensor twice", gguf(tensors=2)[:-18].rstrip(b"\0") * 2, "no sound GGUF"),
    ("file gguf chat template", gguf(text("tokenizer.chat_template") + struct.pack("<I", 8) + text("{{ x }}"), 1), "a program"),
):
    SIGNED.append((name, put("llm/model.gguf", content), lambda _: None, expected))

SIGNED += [
    (name, lambda _: None, change, expected)
    for name, change, expected in (
        ("parent path", list_also("../evil.txt"), "files.17.path"),
        ("parent path inside", list_also("clip/../../evil.txt"), "files.17.path"),
        ("absolute path", list_also("/etc/cron.d/evil.txt"), "files.17.path"),
        ("backslash path", list_also("clip\\evil.txt"), "files.17.path"),
        ("drive path", list_also("C:evil.txt"), "files.17.path"),
        ("empty path", list_also(""), "files.17.path"),
        ("hidden file", list_also(".bashrc.txt"), "files.17.path"),
        ("doubled slash", list_also("clip//evil.txt"), "files.17.path"),
        ("line break in path", list_also("evil.txt\n"), "files.17.path"),
        ("zero byte in path", list_also("evil\0.txt"), "files.17.path"),
        ("path that only looks Latin", list_also("сlip/tags.txt"), "files.17.path"),
        ("very long path", list_also("a" * 300 + ".txt"), "files.17.path"),
        ("pickle", list_also("clip/model.pkl"), "kind that a bundle may not hold"),
        ("shared library", list_also("clip/plugin.so"), "kind that a bundle may not hold"),
        ("torch checkpoint", list_also("clip/model.pt"), "kind that a bundle may not hold"),
        ("python", list_also("clip/sitecustomize.py"), "kind that a bundle may not hold"),
        ("no suffix", list_also("README"), "kind that a bundle may not hold"),
        ("suffix in capitals", list_also("clip/other.ONNX"), "kind that a bundle may not hold"),
        ("path twice", list_also("clip/tags.txt"), "twice"),
        ("path twice in other case", list_also("CLIP/tags.txt"), "beside"),
        ("the manifest lists itself", list_also("manifest.json"), "beside"),
        ("the manifest in capitals", list_also("MANIFEST.json"), "beside"),
        ("file as folder", list_also("clip/tags.txt/more.txt"), "cannot be read"),
        ("negative size", change_at("files", 0, "size", to=-1), "files.0.size"),
        ("digest that is none", change_at("files", 0, "sha256", to="0" * 63), "files.0.sha256"),
        ("no licence", change_at("files", 0, "licence", to=""), "files.0.licence"),
        ("unknown key", change_at("run_after_install", to="/bin/sh"), "run_after_install"),
        ("other schema", change_at("schema", to="kotoba.bundle/2"), "schema"),
        ("older version", change_at("bundle_version", to=2), "older than 3, the test says"),
        ("version zero", change_at("bundle_version", to=0), "bundle_version"),
        ("other key's id", change_at("key_id", to="0" * 16), "names the signing key 0000000000000000"),
        ("picture size", change_at("describer", "clip", "preprocess", "size", to=100_000), "preprocess.size"),
        ("not a number", change_at("describer", "clip", "preprocess", "mean", to=[float("nan")] * 3), "it holds NaN"),
        ("model that is not listed", change_at("llm", "model", to="llm/other.gguf"), "llm.model"),
        ("model outside", change_at("llm", "model", to="../../etc/passwd"), "llm.model"),
        ("model of another kind", change_at("describer", "clip", "vision", to="llm/model.gguf"), "clip.vision"),
        ("adapter that is not listed", change_at("llm", "adapters", "product", to="x.gguf"), "llm.adapters.product"),
        ("drafts that are not listed", change_at("describer", "blip", "drafts", to="blip/drafts.txt"), "blip.drafts"),
        ("drafts of another kind", change_at("describer", "blip", "drafts", to="blip/tokenizer.json"), "blip.drafts"),
        ("template that is not listed", change_at("templates", "default", to="x.txt"), "templates.default"),
        ("golden picture that is not listed", change_at("golden", 0, "picture", to="x.png"), "golden.picture"),
        ("vocabulary of another kind", change_at("describer", "clip", "tags", "embeddings", to="clip/tags.txt"), "clip.tags.embeddings"),
    )
]


def flip(path: str) -> Callable[[Path], object]:
    def change(root: Path) -> None:
        content = bytearray((root / path).read_bytes())
        content[len(content) // 2] ^= 1
        (root / path).write_bytes(content)

    return change


def swap_for(path: str, make: Callable[[Path], object]) -> Callable[[Path], object]:
    """Replace a listed file by something else at the same place."""

    def change(root: Path) -> None:
        (root / path).rename(root.parent / "moved")
        make(root / path)

    return change


def sign_with_other_key(root: Path) -> None:
    (root / "manifest.sig").write_bytes(encode_signature((root / "manifest.json").read_bytes(), OTHER_KEY))


def sign_with_other_key_under_our_id(root: Path) -> None:
    signature = json.loads(encode_signature((root / "manifest.json").read_bytes(), OTHER_KEY))
    (root / "manifest.sig").write_text(json.dumps({**signature, "key_id": key_id(public_key(KEY))}))


def edit_manifest(root: Path) -> None:
    manifest = json.loads((root / "manifest.json").read_bytes())
    (root / "manifest.json").write_bytes(as_json({**manifest, "bundle_version": 99}))


ON_DISK: list[tuple[str, Callable[[Path], object], str]] = [
    *((f"flipped byte in {path}", flip(path), "was changed") for path in sound_files() if path != "golden/station.toml"),
    ("flipped byte in manifest", flip("manifest.json"), "signature"),
    ("flipped byte in signature", flip("manifest.sig"), "signature"),
    ("edited manifest", edit_manifest, "signature"),
    ("other signer", sign_with_other_key, "not trusted"),
    ("other signer under a trusted id", sign_with_other_key_under_our_id, "no trusted key"),
    ("signature of zeros", lambda root: (root / "manifest.sig").write_text(
        json.dumps({"key_id": key_id(public_key(KEY)), "signature": "00" * 64})), "no trusted key"),
    ("empty signature", lambda root: (root / "manifest.sig").write_bytes(b""), "not a signature file"),
    ("huge signature", lambda root: (root / "manifest.sig").write_bytes(b" " * 2_000), "more than 1000 bytes"),
    ("no signature", lambda root: (root / "manifest.sig").unlink(), "manifest.sig cannot be read"),
    ("no manifest", lambda root: (root / "manifest.json").unlink(), "manifest.json cannot be read"),
    ("missing file", lambda root: (root / "clip/text.onnx").unlink(), "clip/text.onnx cannot be read"),
    ("unknown file", lambda root: (root / "clip/extra.txt").write_bytes(b""), "extra.txt' is not what"),
    ("unknown external data", lambda root: (root / "clip/weights.bin").write_bytes(b"x"), "weights.bin' is not what"),
    ("unknown hidden file", lambda root: (root / ".hidden").write_bytes(b""), "hidden' is not what"),
    ("unknown folder", lambda root: (root / "extra").mkdir(), "'extra' is not what"),
    ("unknown name that is no text", lambda root: Path(os.fsdecode(bytes(root) + b"/\xff\n.txt")).write_bytes(b""), "is not what"),
    ("longer file", lambda root: (root / "clip/tags.txt").write_bytes(b"crack\n\n"), "has 7 bytes, its manifest says 6"),
    ("shorter file", lambda root: (root / "clip/tags.txt").write_bytes(b"crack"), "has 5 bytes"),
    ("file became a folder", swap_for("clip/tags.txt", Path.mkdir), "is not what"),
    ("file became a pipe", swap_for("clip/tags.txt", os.mkfifo), "is not what"),
    ("manifest became a pipe", swap_for("manifest.json", os.mkfifo), "no regular file"),
    ("symbolic link to the same bytes", swap_for("clip/tags.txt", lambda path: path.symlink_to("../../moved")), "symbolic link"),
    ("symbolic link to nothing", swap_for("clip/tags.txt", lambda path: path.symlink_to("nowhere")), "symbolic link"),
    ("manifest is a symbolic link", swap_for("manifest.json", lambda path: path.symlink_to(path.parents[1] / "moved")), "cannot be read"),
    ("folder is a symbolic link", swap_for("clip", lambda path: path.symlink_to(path.parents[1] / "moved")), "symbolic link"),
    ("hard link to the same bytes", lambda root: os.link(root / "clip/tags.txt", root.parent / "elsewhere"), "hard link"),
    ("hard link of the manifest", lambda root: os.link(root / "manifest.json", root.parent / "elsewhere"), "hard link"),
]  # fmt: skip
