"""Making a bundle: gather, requantise, judge the golden pictures, sign. The same inputs and key give the same digest everywhere."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from export.errors import BuildError
from export.gather import LLM_PATH, Plan, gather
from export.key import builder_key
from export.licences import licence_files, notice
from export.llm import requantize, strip_chat_template
from export.spec import BundleSpec
from export.verify import Say, golden_verdicts, opened, write_archive
from firmware_config.board import Board
from firmware_config.bundle import MANIFEST_NAME, SIGNATURE_NAME, BundleFile, Golden, Llm, Manifest
from firmware_config.signature import encode_signature, key_id, public_key

ARCHIVE_SUFFIX = ".kbundle"


@dataclass(frozen=True, slots=True)
class Built:
    """What was made."""

    root: Path
    archive: Path | None
    digest: str
    golden: tuple[Golden, ...]


def build(spec: BundleSpec, *, out: Path, key: Path, cache: Path, archive: bool, board: Board, say: Say) -> Built:
    """Make the bundle in the folder `out`, replacing an older bundle there, and with `archive` its NAME.kbundle beside it.

    `cache` keeps requantised models; `key` is made on first use. `out` changes only when the bundle is finished and proven.

    Raises:
        SpecError: what the specification names is missing or does not fit together.
        BuildError: the key cannot be used, `out` is no bundle, a model or picture fails, or the disk refuses.
    """
    try:
        _require_replaceable(out)
        out.parent.mkdir(parents=True, exist_ok=True)
        plan = gather(spec, near=out.parent)
        private = builder_key(key)
        staging = out.with_name(f".{out.name}.building")
        shutil.rmtree(staging, ignore_errors=True)
        try:
            golden = _fill(staging, plan, private, cache=cache, board=board, say=say)
            trusted = {key_id(public_key(private)): public_key(private)}
            with opened(staging, trusted=trusted) as bundle:
                digest = bundle.digest
            packed = out.with_name(f"{out.name}{ARCHIVE_SUFFIX}") if archive else None
            if packed is not None:
                say("writing the archive")
                write_archive(staging, staging.with_suffix(ARCHIVE_SUFFIX))
                staging.with_suffix(ARCHIVE_SUFFIX).replace(packed)
            _replace(out, staging)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as err:
        msg = f"building bundle {spec.name}: {err.filename or out} cannot be read or written ({err.strerror}): mend that and build again"
        raise BuildError(msg) from err
    return Built(out, packed, digest, golden)


def _fill(staging: Path, plan: Plan, private: bytes, *, cache: Path, board: Board, say: Say) -> tuple[Golden, ...]:
    """Write everything into the staging folder, signed."""
    spec = plan.spec
    say("copying the artefacts")
    for path, source in plan.files.items():
        (staging / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, staging / path)
    model = requantised(plan.llm, spec.llm.quantisation, cache=cache, say=say)
    (staging / LLM_PATH).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(model, staging / LLM_PATH)
    content = [_entry(staging, path, spec) for path in (*plan.files, LLM_PATH)]
    for path, text in licence_files(spec, content).items():
        (staging / path).parent.mkdir(parents=True, exist_ok=True)
        (staging / path).write_bytes(text)
        content.append(_entry(staging, path, spec))
    manifest = _manifest(plan, content, key=key_id(public_key(private)))
    golden = golden_verdicts(staging, manifest, plan.pictures, board=board, say=say)
    raw = canonical(manifest.model_copy(update={"golden": golden}))
    (staging / MANIFEST_NAME).write_bytes(raw)
    (staging / SIGNATURE_NAME).write_bytes(encode_signature(raw, private))
    return golden


def requantised(source: Path, kind: str, *, cache: Path, say: Say) -> Path:
    """The language model in another quantisation, made once for each source and kind and then kept in `cache`."""
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    kept = cache / f"{digest[:32]}-{kind}.gguf"
    if not kept.exists():
        say(f"requantising {source.name} to {kind}")
        cache.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_suffix(".unfinished")
        if kind == "keep":
            strip_chat_template(source, unfinished)
        else:
            requantize(source, unfinished, kind)
        unfinished.replace(kept)
    return kept


def canonical(manifest: Manifest) -> bytes:
    """The one form of a manifest: keys sorted, one space of indent, UTF-8."""
    values = manifest.model_dump(mode="json", by_alias=True)
    return (json.dumps(values, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()


def _manifest(plan: Plan, content: list[BundleFile], *, key: str) -> Manifest:
    spec, models = plan.spec, plan.models
    return Manifest(
        schema="kotoba.bundle/1",
        name=spec.name,
        bundle_version=spec.version,
        key_id=key,
        clip=models.clip,
        blip=models.blip,
        llm=Llm(model=LLM_PATH, adapters=plan.adapters, context_tokens=spec.llm.context_tokens),
        templates=plan.templates,
        calibration=plan.calibration,
        parity=models.parity,
        notice=notice(spec),
        files=tuple(sorted(content, key=lambda file: file.path)),
    )


def _entry(root: Path, path: str, spec: BundleSpec) -> BundleFile:
    raw = (root / path).read_bytes()
    licence = spec.licence_of(path)
    return BundleFile(path=path, sha256=hashlib.sha256(raw).hexdigest(), size=len(raw), licence=licence.licence, origin=licence.origin)


def _require_replaceable(out: Path) -> None:
    if out.exists() and not (out / MANIFEST_NAME).exists() and (not out.is_dir() or any(out.iterdir())):
        msg = f"{out} is there and is no bundle: give --out a new folder, or the folder of an older bundle"
        raise BuildError(msg)


def _replace(out: Path, staging: Path) -> None:
    old = out.with_name(f".{out.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    staging.rename(out)
    shutil.rmtree(old, ignore_errors=True)
