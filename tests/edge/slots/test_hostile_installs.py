"""What a stick may hold: `kotoba-edge bundle install` refuses it before a native parser, and leaves nothing of it on the box."""

from __future__ import annotations

import os
import re
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.cli import main
from edge.errors import BundleError
from edge.slots.slots import Slots
from firmware_config.accepted_bundles import AcceptedBundles
from firmware_config.bundle import parse_manifest
from firmware_config.signature import encode_signature, key_id, public_key
from tests.support.hostile_archives import ARCHIVES, Hostile
from tests.support.hostile_bundles import ON_DISK, OTHER_KEY, SIGNED, flip
from tests.support.slots import bundle_folder, manifest_bytes
from tests.support.tiny_bundle import (
    KEY,
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

LONGEST_S = 2.0
OTHER_PUBLIC = public_key(OTHER_KEY)

started: list[object] = []


def _see_programs(event: str, arguments: tuple[object, ...]) -> None:
    if event == "subprocess.Popen":
        started.append(arguments[0])


sys.addaudithook(_see_programs)


class Box:
    """A box that runs version 2 and has run version 3 of the tiny bundle; a stick is beside it."""

    def __init__(self, root: Path) -> None:
        self.stick, self.state, self.keys = root / "stick", root / "state", root / "keys"
        for folder in (self.stick, self.state, self.keys):
            folder.mkdir()
        for identity, public in TRUSTED.items():
            (self.keys / f"{identity}.pub").write_text(public.hex() + "\n")
        self.slots = Slots(self.state / "bundles")
        self.slots.install(bundle_folder(root / "first", 2), trusted=TRUSTED)
        self.slots.ask()
        manifest = parse_manifest(manifest_bytes(3))
        AcceptedBundles.beside(self.spool).accept(manifest)

    @property
    def spool(self) -> Path:
        return self.state / "spool.sqlite"

    def install(self, source: Path, *more: str) -> int:
        where = ["--bundles", str(self.slots.root), "--keys", str(self.keys), "--spool", str(self.spool)]
        return main(["bundle", "install", str(source), *where, *more])


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def on_the_box(box: Box) -> dict[str, object]:
    """Everything that the box has, and the names of what lies elsewhere: a file of a terabyte is not read."""
    beside = sorted(str(path) for path in box.state.parent.rglob("*"))
    return {"state": everything_below(box.state), "keys": everything_below(box.keys), "beside": beside}


def refused(box: Box, source: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Install it, and give the sentence of its refusal."""
    there, running = on_the_box(box), box.slots.read()
    started.clear()
    began = time.process_time()

    code = box.install(source)

    assert time.process_time() - began < LONGEST_S
    assert code == 78
    assert started == [], "no process was started for a parser"
    assert on_the_box(box) == there, "not a byte is left"
    assert box.slots.read() == running
    sentence = capsys.readouterr().err
    assert sentence.startswith("kotoba-edge: ")
    assert sentence.count("\n") == 1
    assert is_one_sentence(sentence.strip())
    return sentence


@pytest.mark.parametrize("hostile", ARCHIVES, ids=lambda hostile: hostile.name)
def test_a_hostile_archive_is_not_installed(hostile: Hostile, box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    hostile.write(box.stick / "b.kbundle", box.stick / "outside.txt")
    refused(box, box.stick / "b.kbundle", capsys)


@pytest.mark.parametrize(("change_files", "change_manifest"), [row[1:3] for row in SIGNED], ids=[row[0] for row in SIGNED])
def test_a_signed_but_unsafe_bundle_is_not_installed(
    change_files: Callable[[Files], object], change_manifest: Callable[[Json], object], box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    files = sound_files()
    change_files(files)
    manifest = manifest_of(files)
    change_manifest(manifest)
    write(box.stick / "b", files, as_json(manifest))
    refused(box, box.stick / "b", capsys)


@pytest.mark.parametrize("change", [row[1] for row in ON_DISK], ids=[row[0] for row in ON_DISK])
def test_a_folder_that_was_changed_is_not_installed(change: Callable[[Path], object], box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    write(box.stick / "b", sound_files(), as_json(manifest_of(sound_files())))
    change(box.stick / "b")
    refused(box, box.stick / "b", capsys)


def signed(box: Box, version: int, *, key: bytes = KEY, **changes: object) -> Path:
    return bundle_folder(box.stick / "b", version, key=key, **changes)


def revoke(box: Box, key: str) -> None:
    (box.keys / "revoked").write_text(f"# stolen in May\n{key}  # the old one\n")


def grown(path: str, size: int) -> Callable[[Path], object]:
    return lambda root: os.truncate(root / path, size)


def sparse_tail(box: Box) -> Path:
    path = box.stick / "b.kbundle"
    path.write_bytes(b"".join(archive_parts(sound_files(), as_json(manifest_of(sound_files())))))
    os.truncate(path, 1 << 40)
    return path


def changed(box: Box, change: Callable[[Path], object]) -> Path:
    root = signed(box, 4)
    change(root)
    return root


def bound_socket(path: Path) -> None:
    path.unlink()
    here = socket.socket(socket.AF_UNIX)
    here.bind(str(path))
    here.close()


def deep(box: Box) -> Path:
    raw = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    write(box.stick / "b", sound_files(), raw)
    return box.stick / "b"


def with_raw_manifest(box: Box, change: Callable[[bytes], bytes]) -> Path:
    raw = change(manifest_bytes(4))
    write(box.stick / "b", sound_files(), raw)
    return box.stick / "b"


def other_keys_signature(box: Box) -> Path:
    root = signed(box, 4)
    (root / "manifest.sig").write_bytes(encode_signature((root / "manifest.json").read_bytes(), OTHER_KEY))
    return root


def revoked_signer(box: Box) -> Path:
    revoke(box, key_id(public_key(KEY)))
    return signed(box, 4)


def revoked_carried(box: Box) -> Path:
    revoke(box, key_id(OTHER_PUBLIC))
    return signed(box, 4, new_keys=[OTHER_PUBLIC.hex()])


def pipe_at(path: Path) -> Path:
    os.mkfifo(path)
    return path


def linked_out(box: Box) -> Path:
    root = signed(box, 4)
    (root / "golden" / "cell.png").unlink()
    (root / "golden" / "cell.png").symlink_to("/etc/passwd")
    return root


def device_inside(box: Box) -> Path:
    root = signed(box, 4)
    (root / "clip" / "tags.txt").unlink()
    (root / "clip" / "tags.txt").symlink_to("/dev/zero")
    return root


MADE: list[tuple[str, Callable[[Box], Path], str]] = [
    ("key that is not trusted", lambda box: signed(box, 4, key=OTHER_KEY), "not trusted"),
    ("signature of another key", other_keys_signature, "not trusted"),
    ("revoked key", revoked_signer, "which was revoked"),
    ("carries a revoked key", revoked_carried, "carries the key .* which was revoked"),
    ("revokes the key that signs it", lambda box: signed(box, 4, revoked_keys=[key_id(public_key(KEY))]), "sign it with another key"),
    ("carries and revokes one key", lambda box: signed(box, 4, new_keys=[OTHER_PUBLIC.hex()], revoked_keys=[key_id(OTHER_PUBLIC)]), "new"),
    ("carries what is no key", lambda box: signed(box, 4, new_keys=["../../etc/passwd"]), "new_keys"),
    ("carries too many keys", lambda box: signed(box, 4, new_keys=[f"{number:064x}" for number in range(17)]), "new_keys"),
    ("revokes what is no key", lambda box: signed(box, 4, revoked_keys=["*"]), "revoked_keys"),
    ("older than what the box has run", lambda box: signed(box, 2), r"bundle install --downgrade"),
    ("version one again", lambda box: signed(box, 1), r"this box has run version 3"),
    ("key twice in the manifest", lambda box: with_raw_manifest(box, lambda raw: raw[:-1] + b', "name": "evil"}'), "is repeated"),
    ("version twice in the manifest", lambda box: with_raw_manifest(box, lambda raw: b'{"bundle_version": 9,' + raw[1:]), "is repeated"),
    ("manifest nested without end", deep, "not JSON"),
    ("manifest with a byte order mark", lambda box: with_raw_manifest(box, lambda raw: b"\xef\xbb\xbf" + raw), "byte order mark"),
    ("manifest with infinity", lambda box: with_raw_manifest(box, lambda raw: raw.replace(b"0.9", b"Infinity")), "Infinity"),
    ("manifest of spaces", lambda box: with_raw_manifest(box, lambda raw: raw + b" " * 10_000_000), "more than 10000000 bytes"),
    ("file that became a terabyte of nothing", lambda box: changed(box, grown("llm/model.gguf", 1 << 40)), "its manifest says"),
    ("manifest that became a terabyte of nothing", lambda box: changed(box, grown("manifest.json", 1 << 40)), "more than"),
    ("archive with a terabyte of nothing behind it", sparse_tail, "more bytes after its end"),
    ("file that became a socket", lambda box: changed(box, lambda root: bound_socket(root / "clip" / "tags.txt")), "is not what"),
    ("file that leads to a device", device_inside, "symbolic link"),
    ("file that leads to the box's own", linked_out, "symbolic link"),
    ("pipe in the place of an archive", lambda box: pipe_at(box.stick / "b.kbundle"), "no regular file"),
    ("device in the place of an archive", lambda _: Path("/dev/zero"), "no regular file"),
    ("folder of nothing", lambda box: box.stick, "manifest.json cannot be read"),
    ("nothing", lambda box: box.stick / "none.kbundle", "does not exist"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "expected"), [row[1:] for row in MADE], ids=[row[0] for row in MADE])
def test_a_bundle_that_was_made_to_harm_is_not_installed(
    make: Callable[[Box], Path], expected: str, box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    source = make(box)
    assert re.search(expected, refused(box, source, capsys))


def test_there_are_at_least_sixty() -> None:
    assert len(ARCHIVES) + len(SIGNED) + len(ON_DISK) + len(MADE) >= 60


@pytest.mark.parametrize("path", ["llm/model.gguf", "manifest.json", "golden/cell.png"])
def test_what_is_changed_after_its_check_is_not_installed(path: str, box: Box) -> None:
    """The stick's folder is changed after the check of the whole folder, while it is copied."""
    root = signed(box, 4)
    asked: list[int] = []

    def meanwhile(_: object) -> None:
        if not asked:
            flip(path)(root)
        asked.append(1)

    there = everything_below(box.state)
    with pytest.raises(BundleError, match=r"was changed|signature"):
        box.slots.install(root, trusted=TRUSTED, require=meanwhile)
    assert everything_below(box.state) == there


def test_a_sound_bundle_without_models_that_run_dies_in_the_child_alone(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    """Its header is sound, so that a native parser sees it: in a process of its own, which is a sentence."""
    there = everything_below(box.state)
    source = signed(box, 4)
    started.clear()
    assert box.install(source) == 78
    assert len(started) == 1
    assert "cannot be used" in capsys.readouterr().err
    assert everything_below(box.state) == there
