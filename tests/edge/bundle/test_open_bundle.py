from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.bundle.archive import unpack
from edge.bundle.open import open_bundle
from edge.errors import BundleError
from firmware_config.bundle import Manifest
from firmware_config.errors import ManifestError
from firmware_config.signature import key_id, public_key
from firmware_config.verified_file import content_of
from tests.support.hostile_bundles import ON_DISK, OTHER_KEY, SIGNED
from tests.support.repository import ROOT
from tests.support.tiny_bundle import (
    TRUSTED,
    Files,
    Json,
    archive_parts,
    as_json,
    everything_below,
    is_one_sentence,
    manifest_of,
    sound_files,
    write,
)


def at_least_three(manifest: Manifest) -> None:
    if manifest.bundle_version < 3:
        msg = f"version {manifest.bundle_version} is older than 3, the test says"
        raise ManifestError(msg)


def test_a_sound_bundle_opens_and_gives_its_files(tmp_path: Path) -> None:
    raw = as_json(manifest_of(sound_files()))
    write(tmp_path / "b", sound_files(), raw)

    bundle = open_bundle(tmp_path / "b", trusted=TRUSTED, require=at_least_three)

    assert bundle.digest == "sha256:" + hashlib.sha256(raw).hexdigest()
    assert content_of(bundle.file("llm/model.gguf"), limit=1_000) == sound_files()["llm/model.gguf"]
    with pytest.raises(BundleError, match="does not list"):
        bundle.file("../secret")


@pytest.mark.parametrize(("change_files", "change_manifest", "expected"), [row[1:] for row in SIGNED], ids=[row[0] for row in SIGNED])
def test_a_signed_but_unsafe_bundle_is_refused(
    change_files: Callable[[Files], object], change_manifest: Callable[[Json], object], expected: str, tmp_path: Path
) -> None:
    files = sound_files()
    change_files(files)
    manifest = manifest_of(files)
    change_manifest(manifest)
    write(tmp_path / "b", files, as_json(manifest))
    (tmp_path / "b.kbundle").write_bytes(b"".join(archive_parts(files, as_json(manifest))))
    before = everything_below(tmp_path)

    with pytest.raises(BundleError, match=expected) as refused:
        open_bundle(tmp_path / "b", trusted=TRUSTED, require=at_least_three)
    with pytest.raises(BundleError) as refused_archive:
        unpack(tmp_path / "b.kbundle", tmp_path / "new", trusted=TRUSTED, require=at_least_three)

    assert is_one_sentence(str(refused.value))
    assert is_one_sentence(str(refused_archive.value))
    assert everything_below(tmp_path) == before


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"name": "a", "name": "b"}', "'name' is repeated"),
        (b"[" * 100_000, "not JSON"),
        (b'{"bundle_version": ' + b"9" * 10_000 + b"}", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"", "not JSON"),
        (b"null", "manifest.json"),
        (b" " * 10_000_001, "more than 10000000 bytes"),
    ],
    ids=["a key twice", "deep", "huge number", "not utf-8", "empty", "null", "huge"],
)
def test_signed_bytes_that_are_no_manifest_are_refused(raw: bytes, expected: str, tmp_path: Path) -> None:
    write(tmp_path, {}, raw)
    with pytest.raises(BundleError, match=expected) as refused:
        open_bundle(tmp_path, trusted=TRUSTED)
    assert is_one_sentence(str(refused.value))


@pytest.mark.parametrize(("change", "expected"), [row[1:] for row in ON_DISK], ids=[row[0] for row in ON_DISK])
def test_a_bundle_that_was_changed_on_disk_is_refused(change: Callable[[Path], object], expected: str, tmp_path: Path) -> None:
    write(tmp_path / "b", sound_files(), as_json(manifest_of(sound_files())))
    change(tmp_path / "b")
    before = everything_below(tmp_path)

    with pytest.raises(BundleError, match=expected) as refused:
        open_bundle(tmp_path / "b", trusted=TRUSTED)

    assert is_one_sentence(str(refused.value))
    assert everything_below(tmp_path) == before


def test_a_missing_folder_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="give the folder of a bundle"):
        open_bundle(tmp_path / "none", trusted=TRUSTED)


def test_without_trusted_keys_no_bundle_opens(tmp_path: Path) -> None:
    write(tmp_path, sound_files(), as_json(manifest_of(sound_files())))
    with pytest.raises(BundleError, match="trusted: none"):
        open_bundle(tmp_path, trusted={})


def test_bundles_of_an_old_and_a_new_key_open_while_both_are_trusted(tmp_path: Path) -> None:
    new = {key_id(public_key(OTHER_KEY)): public_key(OTHER_KEY)}
    write(tmp_path / "old", sound_files(), as_json(manifest_of(sound_files())))
    signed_anew = manifest_of(sound_files()) | {"key_id": next(iter(new))}
    write(tmp_path / "new", sound_files(), as_json(signed_anew), key=OTHER_KEY)
    for bundle in ("old", "new"):
        assert open_bundle(tmp_path / bundle, trusted=TRUSTED | new).manifest.name == "tiny"
    with pytest.raises(BundleError, match="trusted: "):
        open_bundle(tmp_path / "old", trusted=new)


def test_nobody_on_the_box_asks_a_bundle_for_a_path() -> None:
    asking = re.compile(r"bundle\.root(?! or)|\.root /")
    readers = [
        path for path in (ROOT / "edge").rglob("*.py") if path.parent.name not in {"bundle", "evidence"} and asking.search(path.read_text())
    ]
    with_a_child_that_opens_its_own = {
        "edge/slots/parse.py",
        "edge/trial/trial.py",
        "edge/examination/bench.py",
        "edge/examination/examine.py",
    }
    checks_what_it_reads = with_a_child_that_opens_its_own | {
        "edge/demo/run.py",  # a SignedBundle
        "edge/backup/gather.py",  # copies, which are checked like any bundle before they run
    }
    assert {path.relative_to(ROOT).as_posix() for path in readers} == checks_what_it_reads


def test_opening_needs_no_native_parser() -> None:
    parsers = {"onnxruntime", "onnx", "llama_cpp", "cv2", "numpy", "tokenizers"}
    check = f"import sys, edge.bundle.archive; print(sorted({parsers} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == "[]"


def test_a_real_onnx_file_opens_only_with_its_weights_inside(tmp_path: Path) -> None:
    onnx_package = pytest.importorskip("onnx", reason="the export extra is not installed")
    weights = onnx_package.numpy_helper.from_array(__import__("numpy").ones((64, 64), "float32"), "w")
    value = onnx_package.helper.make_tensor_value_info("x", 1, [64, 64])
    out = onnx_package.helper.make_tensor_value_info("y", 1, [64, 64])
    node = onnx_package.helper.make_node("MatMul", ["x", "w"], ["y"])
    model = onnx_package.helper.make_model(onnx_package.helper.make_graph([node], "g", [value], [out], [weights]))
    files = sound_files()
    for where, expected in (("inside", None), ("outside", "another file")):
        path = tmp_path / f"{where}.onnx"
        onnx_package.save(model, path, save_as_external_data=where == "outside", size_threshold=0, location="weights.bin")
        files["clip/vision.onnx"] = path.read_bytes()
        write(tmp_path / where, files, as_json(manifest_of(files)))
        if expected is None:
            open_bundle(tmp_path / where, trusted=TRUSTED)
        else:
            with pytest.raises(BundleError, match=expected):
                open_bundle(tmp_path / where, trusted=TRUSTED)
