"""Opens a bundle. No file of it reaches a native parser before the signature, the list of files and every digest are checked."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.bundle.gguf_header import require_sound
from edge.bundle.onnx_header import require_self_contained
from edge.errors import BundleError
from firmware_config.bundle import MANIFEST_NAME, MAX_MANIFEST_BYTES, SIGNATURE_NAME, Manifest
from firmware_config.bundle_slots import inside_slot
from firmware_config.errors import ManifestError, SignatureError
from firmware_config.signature import read_trusted_keys
from firmware_config.signed_bundle import MAX_SIGNATURE_BYTES, read_whole, trusted_manifest
from firmware_config.verified_file import GET_NEW_COPY, StoredFile, VerifiedFile, content_of

MAX_TEXT_BYTES = 20_000_000
"""Of a vocabulary, drafts and the like; real ones have some hundred thousand."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A checked bundle. `digest` is `sha256:` of the bytes of its manifest, which holds the digest of every other file.

    An `unsigned` bundle is one that is still being built on this machine: its files are taken as they are.
    """

    root: Path
    manifest: Manifest
    digest: str
    unsigned: bool = False

    def file(self, name: str) -> StoredFile:
        """A file that the manifest lists. Reading it gives the bytes that the manifest lists, whatever lies at its path by then.

        Raises:
            BundleError: the manifest does not list it.
        """
        entry = next((file for file in self.manifest.files if file.path == name), None)
        if entry is None:
            msg = f"bundle {self.root}: its manifest does not list {name}: use a bundle that holds this file"
            raise BundleError(msg)
        path = self.root / name
        return path if self.unsigned else VerifiedFile(path, sha256=entry.sha256, size=entry.size)

    def file_at(self, path: Path) -> StoredFile:
        """The file at a path that a station names: one of this bundle if the path leads there, as from its station template.

        A path into a slot of a box means the bundle that judges, whichever slot it is in.
        """
        root, place = self.root.absolute(), path.absolute()
        inside = place.relative_to(root).as_posix() if place.is_relative_to(root) else ""
        in_slot = inside_slot(place)
        if in_slot is not None and in_slot[0] == root.parent:
            inside = in_slot[1]
        return self.file(inside) if any(file.path == inside for file in self.manifest.files) else path

    def text(self, name: str) -> str:
        """The content of a text file that the manifest lists.

        Raises:
            BundleError: the manifest does not list it, or it is not UTF-8 text or too large.
            ManifestError: its content is not what the manifest lists.
        """
        try:
            raw = content_of(self.file(name), limit=MAX_TEXT_BYTES)
            text = raw.decode()
        except OSError as err:
            msg = f"reading {name} of bundle {self.manifest.name}: it cannot be read ({err.strerror}): {GET_NEW_COPY}"
            raise BundleError(msg) from err
        except UnicodeDecodeError as err:
            msg = f"reading {name} of bundle {self.manifest.name}: it is not UTF-8 text ({err}): build the bundle again"
            raise BundleError(msg) from err
        if len(raw) > MAX_TEXT_BYTES:
            msg = f"reading {name} of bundle {self.manifest.name}: it has more than {MAX_TEXT_BYTES} bytes: build the bundle again"
            raise BundleError(msg)
        return text


def open_bundle(root: Path, *, trusted: Mapping[str, bytes], require: Callable[[Manifest], None] = lambda _: None) -> Bundle:
    """Check a bundle's folder and open it.

    The order of the checks: the signature over the manifest, `require` (such as that it is not too old), every entry of the folder (only
    listed regular files, no links), every size and sha256, and the headers of the model files in the bytes that were checked. `trusted`
    maps key ids to public keys of 32 bytes.

    Raises:
        BundleError: the first check that fails.
    """
    try:
        raw = read_whole(root / MANIFEST_NAME, limit=MAX_MANIFEST_BYTES)
        signature = read_whole(root / SIGNATURE_NAME, limit=MAX_SIGNATURE_BYTES)
        manifest = trusted_manifest(raw, signature, trusted=trusted, require=require)
        _require_exact_tree(root, manifest)
        for file in manifest.files:
            _require_sound_file(VerifiedFile(root / file.path, sha256=file.sha256, size=file.size))
    except (BundleError, ManifestError, SignatureError, ValueError) as err:
        msg = f"bundle {root}: {err}"
        raise BundleError(msg) from err
    except OSError as err:
        msg = f"bundle {root}: {_relative(err, root)} cannot be read ({err.strerror}): give the folder of a bundle"
        raise BundleError(msg) from err
    return Bundle(root, manifest, digest_of(raw))


def open_trusted_bundle(root: Path, *, keys: Path, require: Callable[[Manifest], None] = lambda _: None) -> Bundle:
    """Check a bundle's folder against the public keys in the folder `keys`, as a box or a command is configured; `require` as above.

    Raises:
        BundleError: as `open_bundle`.
        SignatureError: the keys cannot be read.
    """
    return open_bundle(root, trusted=read_trusted_keys(keys), require=require)


def digest_of(manifest: bytes) -> str:
    """The digest of a bundle, from the bytes of its manifest."""
    return "sha256:" + hashlib.sha256(manifest).hexdigest()


def _require_exact_tree(root: Path, manifest: Manifest) -> None:
    """Refuse a folder that holds anything but the listed files. Stops at the first unlisted entry: a huge tree costs no time."""
    files = {file.path for file in manifest.files} | {MANIFEST_NAME, SIGNATURE_NAME}
    folders = {str(parent) for path in files for parent in Path(path).parents}
    pending = ["."]
    while pending:
        folder = pending.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                path = os.path.normpath(f"{folder}/{entry.name}")
                if path in folders and entry.is_dir(follow_symlinks=False):
                    pending.append(path)
                elif path not in files or not entry.is_file(follow_symlinks=False):
                    what = "is a symbolic link" if entry.is_symlink() else "is not what its manifest lists"
                    msg = f"{path!a} {what}: {GET_NEW_COPY}"
                    raise BundleError(msg)


def _require_sound_file(file: VerifiedFile) -> None:
    """Check the size and the digest of a file, and, in the bytes that had that digest, the header of a model."""
    match file.path.suffix:
        case ".onnx":
            require_self_contained(file)
        case ".gguf":
            require_sound(file)
        case _:
            file.check()


def _relative(err: OSError, root: Path) -> str:
    return os.path.relpath(err.filename, root) if isinstance(err.filename, str | Path) else "a file"
