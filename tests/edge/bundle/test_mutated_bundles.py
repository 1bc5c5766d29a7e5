"""Bundles with chance damage: seven thousand files in `make soak`, a fifth of them in `make test`."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from edge.bundle.archive import unpack
from edge.bundle.open import open_bundle
from edge.errors import BundleError
from tests.support.mutations import mutated
from tests.support.tiny_bundle import (
    TRUSTED,
    Files,
    archive_parts,
    as_json,
    everything_below,
    field,
    gguf,
    is_one_sentence,
    manifest_of,
    onnx,
    sound_files,
    text,
    write,
)

LONGEST_S = 2.0
ARCHIVES, FOLDERS, MODELS = 3_000, 2_000, 2_000
A_FIFTH = [pytest.param(0.2, marks=pytest.mark.long, id="a fifth"), pytest.param(1.0, marks=pytest.mark.soak, id="all")]


def refused_in_time(call: Callable[[], object], seed: int) -> None:
    started = time.monotonic()
    said = ""
    try:
        call()
    except BundleError as err:
        said = str(err)
    assert time.monotonic() - started < LONGEST_S, f"seed {seed}"
    assert is_one_sentence(said), f"seed {seed} was taken, or said {said!r}"


@pytest.mark.parametrize("share", A_FIFTH)
def test_a_mutated_archive_is_refused_and_leaves_nothing(share: float, tmp_path: Path) -> None:
    raw = b"".join(archive_parts(sound_files(), as_json(manifest_of(sound_files()))))
    archive = tmp_path / "b.kbundle"
    for seed in range(int(ARCHIVES * share)):
        archive.write_bytes(mutated(raw, random.Random(seed)))
        refused_in_time(lambda: unpack(archive, tmp_path / "new", trusted=TRUSTED), seed)
        assert [path.name for path in tmp_path.iterdir()] == [archive.name], f"seed {seed}"


@pytest.mark.parametrize("share", A_FIFTH)
def test_a_bundle_with_a_mutated_file_is_refused_and_stays_as_it_is(share: float, tmp_path: Path) -> None:
    write(tmp_path, sound_files(), as_json(manifest_of(sound_files())))
    paths = [path for path in sorted(tmp_path.rglob("*")) if path.is_file()]
    for seed in range(int(FOLDERS * share)):
        rng = random.Random(seed)
        path = rng.choice(paths)
        sound = path.read_bytes()
        path.write_bytes(mutated(sound, rng))
        there = everything_below(tmp_path)
        refused_in_time(lambda: open_bundle(tmp_path, trusted=TRUSTED), seed)
        assert everything_below(tmp_path) == there
        path.write_bytes(sound)


def damaged_models(seed: int) -> Files:
    """A graph and a language model, one of them damaged."""
    keys = text("general.alignment") + b"\4\0\0\0\x20\0\0\0" + text("tokens") + b"\x09\0\0\0\x08\0\0\0\2" + bytes(7) + text("a") + text("b")
    models = {
        "clip/vision.onnx": onnx(field(2, 1) * 5 + field(8, b"weight"), field(4, b"MatMul") + field(5, field(1, b"axis") + field(3, 7))),
        "llm/model.gguf": gguf(keys, 2),
    }
    rng = random.Random(seed)
    path = rng.choice(sorted(models))
    return models | {path: mutated(models[path], rng)}


@pytest.mark.parametrize("share", A_FIFTH)
def test_a_signed_model_with_mutated_content_is_opened_or_refused_in_time(share: float, tmp_path: Path) -> None:
    write(tmp_path, sound_files(), b"")
    refused = 0
    for seed in range(int(MODELS * share)):
        changed = damaged_models(seed)
        write(tmp_path, changed, as_json(manifest_of(sound_files() | changed)))
        started = time.monotonic()
        with suppress(BundleError):
            open_bundle(tmp_path, trusted=TRUSTED)
            refused -= 1
        refused += 1
        assert time.monotonic() - started < LONGEST_S, f"seed {seed}"
    assert refused > MODELS * share / 2
