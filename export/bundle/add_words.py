"""Words added to a bundle that is ready: read by its own text tower, judged again on its golden pictures, signed as the next version."""

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
from export.bundle.verify import Say, certify, opened, unsigned
from export.cache import sha256
from export.errors import BuildError, SpecError
from export.models.vocabulary import Entry, embeddings, merged
from firmware_config.board import Board
from firmware_config.bundle import MANIFEST_NAME, SIGNATURE_NAME, Golden, Manifest
from firmware_config.describers import VocabularyFiles
from firmware_config.signature import key_id, public_key

LANGUAGE = "ja"


@dataclass(frozen=True, slots=True)
class Enlarged:
    """What was made; `changed` are golden verdicts, before and after, whose label is another one now."""

    root: Path
    version: int
    digest: str
    changed: tuple[tuple[Golden, Golden], ...]


def enlarge(
    bundle: Path, out: Path, *, words: Mapping[str, Sequence[Path]], trusted: Mapping[str, bytes], key: Path, board: Board, say: Say
) -> Enlarged:
    """Write a bundle with more words into the folder `out`, which may be that of the bundle itself.

    `words` are files by "tags" and "attributes". What the bundle was licensed as stays; the version is one higher; the key is ours.

    Raises:
        SpecError: a file of words is not understood, or holds a word that the bundle has.
        BuildError: the bundle is not to be trusted, or cannot be written.
    """
    added = {kind: merged(paths) for kind, paths in words.items() if paths}
    staging = out.with_name(f".{out.name}.building")
    try:
        with opened(bundle, trusted=trusted) as old:
            version = old.manifest.bundle_version + 1
            require_replaceable(out, old.manifest.name, version)
            for kind, entries in added.items():
                _refuse_known(old.path(getattr(old.manifest.describer.clip, kind).words), entries)
            private = builder_key(key)
            shutil.rmtree(staging, ignore_errors=True)
            shutil.copytree(old.root, staging, ignore=shutil.ignore_patterns(MANIFEST_NAME, SIGNATURE_NAME))
            try:
                manifest, touched = old.manifest, set[str]()
                for kind, entries in added.items():
                    say(f"embedding {len(entries)} {kind}")
                    manifest, files = _add(staging, manifest, kind, entries)
                    touched |= files
                manifest = manifest.model_copy(update={"bundle_version": version, "key_id": key_id(public_key(private))})
                manifest = _listed(staging, manifest, touched)
                expected = {golden.picture: golden.expected for golden in old.manifest.golden}
                golden = certify(unsigned(staging, manifest), expected, board=board, say=say)
                sign(staging, manifest.model_copy(update={"golden": golden}), private)
                digest, _ = finish(staging, out, private, archive=False, say=say)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    except OSError as err:
        msg = f"adding words to {bundle}: {err.filename or out} cannot be read or written ({err.strerror}): mend that and try again"
        raise BuildError(msg) from err
    pairs = zip(old.manifest.golden, golden, strict=True)
    return Enlarged(out, version, digest, tuple((before, after) for before, after in pairs if before.label != after.label))


def _refuse_known(words: Path, entries: Sequence[Entry]) -> None:
    known = set(words.read_text(encoding="utf-8").splitlines())
    for entry in entries:
        if entry.word in known:
            msg = f"the word {entry.word!r} is in the bundle already: take it out of the file"
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
    grown = VocabularyFiles(words=vocabulary.words, embeddings=vocabulary.embeddings, translations=translations)
    touched = {vocabulary.words, vocabulary.embeddings, *translations.values()}
    describer = manifest.describer.model_copy(update={"clip": clip.model_copy(update={kind: grown})})
    return manifest.model_copy(update={"describer": describer}), touched


def _listed(root: Path, manifest: Manifest, touched: set[str]) -> Manifest:
    """The manifest with the true digests of the files that changed; the SBOM tells them too."""
    by_path = {file.path: file for file in manifest.files}
    model = by_path[manifest.describer.clip.tags.words]
    bom = json.loads((root / SBOM_PATH).read_bytes())
    bom["metadata"]["component"]["version"] = str(manifest.bundle_version)
    for component in bom["components"]:
        if component["name"] in touched:
            component["hashes"] = [{"alg": "SHA-256", "content": sha256(root / component["name"])}]
    (root / SBOM_PATH).write_text(json.dumps(bom, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    for path in (*touched, SBOM_PATH):
        facts = {"path": path, "sha256": sha256(root / path), "size": (root / path).stat().st_size}
        by_path[path] = by_path.get(path, model).model_copy(update=facts)
    return manifest.model_copy(update={"files": tuple(sorted(by_path.values(), key=lambda file: file.path))})
