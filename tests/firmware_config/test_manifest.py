from __future__ import annotations

import json
from typing import Any

import pytest

from firmware_config.bundle import parse_manifest
from firmware_config.describers import ClipBlip
from firmware_config.errors import ManifestError

PREPROCESS = {"size": 224, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
WORDS = {"words": "clip/words.txt", "embeddings": "clip/words.npy"}
GOOD: dict[str, Any] = {
    "schema": "kotoba.bundle/1",
    "name": "starter",
    "bundle_version": 1,
    "key_id": "0" * 16,
    "describer": {
        "kind": "clip_blip",
        "clip": {
            "vision": "clip/vision.onnx",
            "text": "clip/text.onnx",
            "tokenizer": "clip/tokenizer.json",
            "context_tokens": 32,
            "preprocess": PREPROCESS,
            "tags": WORDS,
            "attributes": WORDS,
        },
    },
    "llm": {"model": "llm/model.gguf"},
    "templates": {"default": "templates/default.txt"},
    "files": [{"path": "clip/vision.onnx", "sha256": "0" * 64, "size": 1, "licence": "Apache-2.0"}],
}


def changed(**changes: object) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


def file(path: str) -> dict[str, object]:
    return {**GOOD["files"][0], "path": path}


def test_a_manifest_is_parsed() -> None:
    manifest = parse_manifest(changed())
    assert manifest.files[0].path == "clip/vision.onnx"
    assert isinstance(manifest.describer, ClipBlip)
    assert manifest.describer.blip is None


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[]", "the file: Input should be"),
        (changed(schema="kotoba.bundle/2"), "schema: Input should be 'kotoba.bundle/1'"),
        (changed(surprise=1), "surprise: there is no such key, got"),
        (changed(bundle_version=0), "bundle_version"),
        (changed(files=[]), "files: Tuple should have at least 1 item"),
        (changed(files=[file("a.txt"), file("a.txt")]), "a path is listed twice"),
        (changed(files=[file("run.sh")]), "of a kind that a bundle may not hold"),
        (changed(files=[file("../a.txt")]), "files.0.path"),
        (changed(files=[file("/etc/a.txt")]), "files.0.path"),
        (changed(files=[file("a/../b.txt")]), "files.0.path"),
        (changed(files=[file(".hidden.txt")]), "files.0.path"),
        (changed(files=[file("a\\b.txt")]), "files.0.path"),
        (changed(llm={"model": "../model.gguf"}), "llm.model"),
    ],
)
def test_a_wrong_manifest_is_refused_in_one_sentence(raw: bytes, complaint: str) -> None:
    with pytest.raises(ManifestError) as caught:
        parse_manifest(raw)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)
