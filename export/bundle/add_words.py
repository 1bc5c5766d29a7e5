"""Adds words to a finished bundle: embeds them with its text tower, certifies its golden verdicts again, signs the next version."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from export.bundle.build import finish, require_replaceable, sign
from export.bundle.key import builder_key
from export.bundle.licences import SBOM_PATH
from export.bundle.verify import certify_golden, opened, unsigned
from export.cache import sha256
from export.errors import BuildError, SpecError
from export.models.vocabulary import Entry, embeddings, merged
from export.progress import Report
from firmware_config.board import Board
from firmware_config.bundle import MANIFEST_NAME, SIGNATURE_NAME, Golden, Manifest
from firmware_config.describers import VocabularyFiles
from firmware_config.signature import key_id, public_key

LANGUAGE = "ja"


@dataclass(frozen=True, slots=True)
class WordsAdded:
    """The new bundle; `changed` are the golden verdicts, before and after, whose decision or label changed."""

    root: Path
    version: int
    digest: str
    changed: tuple[tuple[Golden, Golden], ...]


def add_words(
    bundle: Path, out: Path, *, words: Mapping[str, Sequence[Path]], trusted: Mapping[str, bytes], key: Path, board: Board, report: Report
) -> WordsAdded:
    """Write a bundle with more words into the folder `out`, which may be the folder of `bundle`.

    `words` maps "tags" and "attributes" to files of words. The new bundle keeps its licences, has the next version, and is signed with the
    private key at the path `key`.

    Raises:
        SpecError: a file of words is not understood, or holds a word that the bundle has already.
        BuildError: the bundle is not trusted, a golden picture gives a FAULT, or a file cannot be read or written.
    """
    added = {kind: merged(paths) for kind, paths in words.items() if paths}
    staging = out.with_name(f".{out.name}.building")
    try:
        with opened(bundle, trusted=trusted) as old:
            version = old.manifest.bundle_version + 1
            require_replaceable(out, old.manifest.name, version)
            for kind, entries in added.items():
                _refuse_known(old.text(getattr(old.manifest.describer.clip, kind).words), entries)
            private = builder_key(key)
            shutil.rmtree(staging, ignore_errors=True)
            shutil.copytree(old.root, staging, ignore=shutil.ignore_patterns(MANIFEST_NAME, SIGNATURE_NAME))
            try:
                manifest, changed_files = old.manifest, set[str]()
                for kind, entries in added.items():
                    report(f"embedding {len(entries)} {kind}")
                    manifest, files = _add(staging, manifest, kind, entries)
                    changed_files |= files
                signed_anew = {"bundle_version": version, "key_id": key_id(public_key(private)), "new_keys": (), "revoked_keys": ()}
                manifest = manifest.model_copy(update=signed_anew)
                manifest = _listed(staging, manifest, changed_files)
                expected = {golden.picture: golden.expected for golden in old.manifest.golden}
                golden = certify_golden(unsigned(staging, manifest), expected, board=board, report=report)
                sign(staging, manifest.model_copy(update={"golden": golden}), private)
                digest, _ = finish(staging, out, private, archive=False, report=report)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    except OSError as err:
        msg = f"adding words to {bundle}: {err.filename or out} cannot be read or written ({err.strerror}): correct that and try again"
        raise BuildError(msg) from err
    pairs = zip(old.manifest.golden, golden, strict=True)
    changed = tuple((before, after) for before, after in pairs if (before.decision, before.label) != (after.decision, after.label))
    return WordsAdded(out, version, digest, changed)


def _refuse_known(words: str, entries: Sequence[Entry]) -> None:
    known = set(words.splitlines())
    for entry in entries:
        if entry.word in known:
            msg = f"the bundle holds the word {entry.word!r} already: remove it from the file"
            raise SpecError(msg)


def _add(root: Path, manifest: Manifest, kind: str, entries: Sequence[Entry]) -> tuple[Manifest, set[str]]:
    """Append words, embeddings and translations; returns the manifest that names them, and the paths that changed."""
    clip, vocabulary = manifest.describer.clip, getattr(manifest.describer.clip, kind)
    tokenizer = Tokenizer.from_file(str(root / clip.tokenizer))
    rows = embeddings(
        root / clip.text,
        tokenizer,
        [entry.word for entry in entries],
        prompts=clip.prompts,
        context_tokens=clip.context_tokens,
        pad_token_id=clip.pad_token_id,
    )
    count = len((root / vocabulary.words).read_text(encoding="utf-8").splitlines())
    np.save(root / vocabulary.embeddings, np.concatenate([np.load(root / vocabulary.embeddings), rows]))
    with (root / vocabulary.words).open("a", encoding="utf-8") as file:
        file.writelines(f"{entry.word}\n" for entry in entries)
    translations = dict(vocabulary.translations)
    if any(entry.translation for entry in entries):
        translations.setdefault(LANGUAGE, str(Path(vocabulary.words).with_suffix(f".{LANGUAGE}.txt")))
    for language, path in translations.items():
        if not (root / path).exists():
            (root / path).write_text("\n" * count, encoding="utf-8")
        with (root / path).open("a", encoding="utf-8") as file:
            file.writelines(f"{entry.translation if language == LANGUAGE else ''}\n" for entry in entries)
    vocabulary_files = VocabularyFiles(words=vocabulary.words, embeddings=vocabulary.embeddings, translations=translations)
    changed_files = {vocabulary.words, vocabulary.embeddings, *translations.values()}
    describer = manifest.describer.model_copy(update={"clip": clip.model_copy(update={kind: vocabulary_files})})
    return manifest.model_copy(update={"describer": describer}), changed_files


def _listed(root: Path, manifest: Manifest, changed_files: set[str]) -> Manifest:
    """The manifest, and sbom.json on disk, with the new digests of the files that changed."""
    by_path = {file.path: file for file in manifest.files}
    model = by_path[manifest.describer.clip.tags.words]
    bom = json.loads((root / SBOM_PATH).read_bytes())
    bom["metadata"]["component"]["version"] = str(manifest.bundle_version)
    for component in bom["components"]:
        if component["name"] in changed_files:
            component["hashes"] = [{"alg": "SHA-256", "content": sha256(root / component["name"])}]
    (root / SBOM_PATH).write_text(json.dumps(bom, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    for path in (*changed_files, SBOM_PATH):
        facts = {"path": path, "sha256": sha256(root / path), "size": (root / path).stat().st_size}
        by_path[path] = by_path.get(path, model).model_copy(update=facts)
    return manifest.model_copy(update={"files": tuple(sorted(by_path.values(), key=lambda file: file.path))})
