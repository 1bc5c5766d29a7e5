"""Builds a bundle: make models, copy, requantise, certify, sign. The same inputs and key give the same digest in every folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from export.bundle.compare_models import graph_for_gguf, whole_chain
from export.bundle.key import builder_key, carried_keys, require_not_own
from export.bundle.licences import licence_files, notice
from export.bundle.plan import Plan, check_parts, gather, require_room, require_runnable
from export.bundle.verify import (
    certify_golden,
    golden_table,
    opened,
    require_board,
    require_linear_judges,
    template_warnings,
    unexpected,
    unsigned,
    write_archive,
)
from export.cache import Cache, sha256
from export.errors import BuildError
from export.models.llm.graph import graph_obstacle
from export.models.llm.steps import llm_graph, quantized_gguf
from export.progress import Report
from export.proof.figures import Figure, Measured, limited, require_kept
from export.spec import LLM_GRAPH_PATH, LLM_PATH, BundleSpec
from firmware_config.board import Board, GraphPrecision
from firmware_config.bundle import MANIFEST_NAME, SIGNATURE_NAME, BundleFile, Golden, Llm, Manifest, parse_manifest
from firmware_config.errors import ManifestError
from firmware_config.labels import Label
from firmware_config.signature import encode_signature, key_id, public_key

if TYPE_CHECKING:
    from export.models.steps import Part

ARCHIVE_SUFFIX = ".kbundle"


@dataclass(frozen=True, slots=True)
class Built:
    """The bundle that was built; `labels` are those of its golden station, `figures` those of its proof.

    `warnings` say what keeps stations made from it from ever saying OK.
    """

    root: Path
    archive: Path | None
    digest: str
    golden: tuple[Golden, ...]
    labels: tuple[Label, ...]
    figures: tuple[Figure, ...]
    warnings: tuple[str, ...]


def build(spec: BundleSpec, *, out: Path, key: Path, cache: Cache, archive: bool, board: Board, report: Report) -> Built:
    """Build a bundle into the folder `out`, in the place of an older bundle, and with `archive` also OUT.kbundle beside it.

    `cache` keeps the models that were made; `key` is the private key, made on first use. `out` changes only when the bundle is finished and
    proven. `say` takes each line of progress.

    Raises:
        LlmError: llama.cpp cannot load the language model or an adapter.
        SpecError: a part that the specification names is missing or does not fit the others.
        ProofError: a figure of the proof breaks its limit.
        BuildError: this machine lacks a provider of the board; the key cannot be used; `out` is no bundle; a model or picture fails; a
            golden verdict is not as expected where the specification requires it; or a file cannot be read or written.
    """
    require_board(board, spec.name)
    try:
        require_replaceable(out, spec.name, spec.version)
        require_runnable(spec)
        private = builder_key(key)
        carried_keys(spec.carry_keys)
        require_not_own(spec.revoke_keys, private)
        out.parent.mkdir(parents=True, exist_ok=True)
        made = _make(spec, cache, report=report) if spec.makes else {}
        plan = gather(spec, near=out.parent, made={name: part.artefacts for name, part in made.items()})
        require_linear_judges([plan.files[path] for path in plan.linear.values()], spec.name)
        staging = out.with_name(f".{out.name}.building")
        shutil.rmtree(staging, ignore_errors=True)
        try:
            golden, figures, warnings = _fill(staging, plan, private, made, cache=cache, board=board, report=report)
            digest, archived = finish(staging, out, private, archive=archive, report=report)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as err:
        msg = f"building bundle {spec.name}: {err.filename or out} cannot be read or written ({err.strerror}): correct that and build again"
        raise BuildError(msg) from err
    return Built(out, archived, digest, golden, plan.station.labels, figures, warnings)


def finish(staging: Path, out: Path, private: bytes, *, archive: bool, report: Report) -> tuple[str, Path | None]:
    """Open a signed folder as a box does, write its archive if `archive` is set, and move the folder to `out`.

    Returns the digest of the bundle and the path of the archive.

    Raises:
        BuildError: a box would not open it.
        OSError: a file cannot be written.
    """
    with opened(staging, trusted={key_id(public_key(private)): public_key(private)}) as bundle:
        digest = bundle.digest
    archived = out.with_name(f"{out.name}{ARCHIVE_SUFFIX}") if archive else None
    if archived is not None:
        report("writing the archive")
        write_archive(staging, staging.with_suffix(ARCHIVE_SUFFIX))
        staging.with_suffix(ARCHIVE_SUFFIX).replace(archived)
    replace_folder(out, staging)
    return digest, archived


def sign(root: Path, manifest: Manifest, private: bytes) -> None:
    """Write a bundle's manifest and the signature over it."""
    raw = canonical(manifest)
    (root / MANIFEST_NAME).write_bytes(raw)
    (root / SIGNATURE_NAME).write_bytes(encode_signature(raw, private))


def _make(spec: BundleSpec, cache: Cache, *, report: Report) -> dict[str, Part]:
    """Check all sources of the specification's models, say how much disk and memory they need, then make the models."""
    from export.models.artefacts import pictures_of
    from export.models.steps import check_sources, make_models

    check_parts(spec)
    jobs = check_sources(spec.clip, spec.blip, spec.llm, pictures_of(spec.pictures or spec.golden))
    for path in jobs.paths:
        spec.licence_of(path)
    need = jobs.need
    cache.folder.mkdir(parents=True, exist_ok=True)
    require_room(spec, need.disk, cache.folder)
    report(f"making the models takes up to {need}; what is kept in {cache.folder} is taken from there\n")
    return make_models(jobs, cache=cache, report=report)


def _fill(
    staging: Path, plan: Plan, private: bytes, made: Mapping[str, Part], *, cache: Cache, board: Board, report: Report
) -> tuple[tuple[Golden, ...], tuple[Figure, ...], tuple[str, ...]]:
    """Write a complete, signed bundle into the staging folder; returns its golden verdicts, all figures of its proof, and warnings."""
    spec = plan.spec
    report("copying the artefacts")
    for path, source in plan.files.items():
        (staging / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, staging / path)
    model = quantized_gguf(plan.llm, spec.llm.quantisation, cache=cache, report=report)
    precision = _graph_precision(plan, model, board, report=report)
    graph = None
    if precision is not None:
        context = spec.llm.context_tokens
        graph = llm_graph(model, precision, context_tokens=context, adapters=_adapters(plan), cache=cache, report=report)
    (staging / LLM_PATH).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(model, staging / LLM_PATH)
    if graph is not None:
        shutil.copyfile(graph, staging / LLM_GRAPH_PATH)
    content = [_entry(staging, path, spec) for path in (*plan.files, LLM_PATH, *([LLM_GRAPH_PATH] if graph is not None else []))]
    for path, text in licence_files(spec, content).items():
        (staging / path).parent.mkdir(parents=True, exist_ok=True)
        (staging / path).write_bytes(text)
        content.append(_entry(staging, path, spec))
    manifest = _manifest(plan, content, key=key_id(public_key(private)))
    figures = tuple(figure for part in made.values() for figure in part.figures)
    measured = _chain(staging, manifest, plan, made, cache=cache, board=board, report=report) if made else ()
    if precision is not None:
        on_processor = board.model_copy(update={"llm_gpu_layers": 0})
        measured += graph_for_gguf(staging, manifest, plan.pictures, precision=precision, board=on_processor, report=report)
    chain = limited(measured, spec.limits | spec.llm.limits)
    require_kept((*figures, *chain))
    figures += chain
    manifest = manifest.model_copy(update={"parity": manifest.parity | {figure.name: round(figure.value, 6) for figure in figures}})
    golden = certify_golden(unsigned(staging, manifest), plan.expected, board=board, report=report)
    warnings = template_warnings(unsigned(staging, manifest), board=board, report=report)
    if spec.require_expected:
        _require_expected(golden, plan)
    sign(staging, manifest.model_copy(update={"golden": golden}), private)
    return golden, figures, warnings


def _require_expected(golden: Sequence[Golden], plan: Plan) -> None:
    """Refuse golden verdicts that are not what the specification expects."""
    wrong = unexpected(golden, plan.station.labels)
    if wrong:
        names = ", ".join(Path(entry.picture).name for entry in wrong)
        head = f"{len(wrong)} of {len(golden)} golden verdicts are not as expected ({names}): improve the models, or correct [expected]"
        msg = f"{head}\n{golden_table(golden, plan.station.labels)}"
        raise BuildError(msg)


def _chain(
    staging: Path, manifest: Manifest, plan: Plan, made: Mapping[str, Part], *, cache: Cache, board: Board, report: Report
) -> tuple[Measured, ...]:
    """Compare the bundle with one that has the same files but the original models."""
    # A box refuses a chat template inside a GGUF. A model that was made here has none; one that came from elsewhere may.
    llm = plan.llm if "llm" in made else quantized_gguf(plan.llm, "keep", cache=cache, report=report)
    before = staging.with_name(f"{staging.name}.original")
    shutil.rmtree(before, ignore_errors=True)
    try:
        for file in manifest.files:
            folder, _, name = file.path.partition("/")
            if file.path == manifest.llm.graph:
                continue
            graph = made[folder].original / name if folder in made and name.endswith(".onnx") else staging / file.path
            (before / file.path).parent.mkdir(parents=True, exist_ok=True)
            (before / file.path).symlink_to((llm if file.path == LLM_PATH else graph).absolute())
        return whole_chain(before, staging, manifest, plan.pictures, quantisation=plan.spec.llm.quantisation, board=board, report=report)
    finally:
        shutil.rmtree(before, ignore_errors=True)


def _graph_precision(plan: Plan, model: Path, board: Board, *, report: Report) -> GraphPrecision | None:
    """The precision of the graph beside the GGUF, None for no graph. With "auto" the board decides, unless the model cannot be a graph."""
    wanted = plan.spec.llm.graph
    if wanted == "none":
        return None
    if wanted != "auto":
        return wanted
    why = None if board.llm_graph is None else graph_obstacle(model, board.llm_graph, _adapters(plan))
    if why is not None:
        report(f"the language model stays with llama.cpp, it cannot be a graph: {why}\n")
        return None
    return board.llm_graph


def _adapters(plan: Plan) -> list[Path]:
    return [plan.files[path] for path in plan.adapters.values()]


def canonical(manifest: Manifest) -> bytes:
    """The bytes of a manifest, always the same for the same values: keys sorted, indented by one space, UTF-8."""
    values = manifest.model_dump(mode="json", by_alias=True)
    for name in ("new_keys", "revoked_keys"):  # what carries no key can be read by a box that does not know of them
        if not values[name]:
            del values[name]
    return (json.dumps(values, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()


def _manifest(plan: Plan, content: list[BundleFile], *, key: str) -> Manifest:
    spec = plan.spec
    graph = LLM_GRAPH_PATH if any(file.path == LLM_GRAPH_PATH for file in content) else None
    return Manifest(
        schema="kotoba.bundle/1",
        name=spec.name,
        bundle_version=spec.version,
        key_id=key,
        new_keys=carried_keys(spec.carry_keys),
        revoked_keys=spec.revoke_keys,
        describer=plan.describer,
        llm=Llm(model=LLM_PATH, graph=graph, adapters=plan.adapters, context_tokens=spec.llm.context_tokens),
        templates=plan.templates,
        linear=plan.linear,
        memories=plan.memories,
        temperatures=plan.temperatures,
        parity=plan.parity,
        notice=notice(spec),
        files=tuple(sorted(content, key=lambda file: file.path)),
    )


def _entry(root: Path, path: str, spec: BundleSpec) -> BundleFile:
    licence, size = spec.licence_of(path), (root / path).stat().st_size
    return BundleFile(path=path, sha256=sha256(root / path), size=size, licence=licence.licence, origin=licence.origin)


def require_replaceable(out: Path, name: str, version: int) -> None:
    """Check that the folder `out` is free, or holds a version of the bundle `name` that is not newer than `version`.

    Raises:
        BuildError: it holds other files, or a newer version.
    """
    if out.exists() and not (out / MANIFEST_NAME).exists() and (not out.is_dir() or any(out.iterdir())):
        msg = f"{out} exists and is no bundle: give --out a new folder, or the folder of an older bundle"
        raise BuildError(msg)
    with suppress(OSError, ManifestError):
        older = parse_manifest((out / MANIFEST_NAME).read_bytes())
        if older.name == name and older.bundle_version > version:
            msg = f"{out} holds version {older.bundle_version} of {name}, this would be version {version}: raise the version"
            raise BuildError(msg)


def replace_folder(out: Path, staging: Path) -> None:
    """Move a finished folder to `out`, in the place of an older one."""
    old = out.with_name(f".{out.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    staging.rename(out)
    shutil.rmtree(old, ignore_errors=True)
