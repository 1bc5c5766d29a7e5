"""Every parser of bytes that somebody else may have written, with sound files for it and the errors that are its own."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

import numpy as np

from edge.bundle.archive import unpack
from edge.bundle.gguf_header import require_sound
from edge.bundle.onnx_header import require_self_contained
from edge.describers.embeddings import embeddings_of
from edge.errors import BundleError, FamiliarityError, LabelsError, LessonError, MessageError
from edge.familiarity.file import read_memory, write_memory
from edge.familiarity.learn import learn
from edge.judges.lessons import Correction, Undo, read_lessons
from edge.judges.linear.file import read_linear
from edge.judges.lora import read_lora
from edge.message import decode, encode, to_wire
from edge.picture.decode import PictureError, decode_picture
from edge.slots.state import Event, Slot, State, Trial, state_bytes
from edge.slots.state_file import StateFile
from edge.spool.mark import Mark, MarkFile
from edge.studies.labelled import read_labels, read_lines
from firmware_config.accepted_bundles import AcceptedBundles
from firmware_config.board import BOARDS, read_board
from firmware_config.bundle import parse_manifest
from firmware_config.calibration import parse_calibration
from firmware_config.errors import BoardError, CalibrationError, ManifestError, SignatureError, StationError
from firmware_config.signature import KEY_SUFFIX, encode_signature, read_trusted_keys, verify_file
from firmware_config.station import parse_station
from firmware_config.strict_json import parse_json
from tests.support import picture_files
from tests.support.calibrations import calibration
from tests.support.inspections import FULL, LOST
from tests.support.linear_models import linear_file, linear_model
from tests.support.tiny_bundle import KEY, TRUSTED, archive_parts, as_json, field, gguf, manifest_of, onnx, sound_files, text

MAX_PIXELS = 1_000_000
STARTER_STATION = Path(__file__).parents[2] / "export/starter/weights/station.toml"
MOMENT = datetime(2026, 5, 4, tzinfo=timezone.utc)
SHA = "sha256:" + "7" * 64


@dataclass(frozen=True)
class Parser:
    """`parse` takes the bytes, and a folder of its own where it reads files; it returns or raises one of `errors`."""

    name: str
    seeds: tuple[bytes, ...]
    parse: Callable[[bytes, Path], object]
    errors: tuple[type[Exception], ...] = ()


def of_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    """The parser of a file, from its bytes."""

    def parse(raw: bytes, folder: Path) -> object:
        path = folder / name
        path.write_bytes(raw)
        return read(path)

    return parse


def unpacked(archive: Path) -> object:
    """An archive, which is never taken unless it is the sound one."""
    new = archive.parent / "unpacked"
    bundle = unpack(archive, new, trusted=TRUSTED)
    for path in sorted(new.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    new.rmdir()
    return bundle


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def lora() -> bytes:
    """A LoRA of rank 2 for one weight."""
    keys = text("general.type") + struct.pack("<I", 8) + text("adapter") + text("adapter.lora.alpha") + struct.pack("<If", 6, 4.0)
    tensors = text("blk.0.w.lora_a") + struct.pack("<IQQIQ", 2, 8, 2, 0, 0) + text("blk.0.w.lora_b") + struct.pack("<IQQIQ", 2, 2, 4, 0, 64)
    head = b"GGUF" + struct.pack("<IQQ", 3, 2, 2) + keys + tensors
    return head + bytes(-len(head) % 32) + np.arange(24, dtype="<f4").tobytes()


def memory_file() -> bytes:
    rng = np.random.default_rng(0)
    known, empty = rng.normal(0, 1, (120, 12)), rng.normal(3, 1, (40, 12))
    path = Path("/dev/shm") / f"memory-{rng.integers(1 << 60)}.json"  # noqa: S108 -- made and removed at once
    write_memory(
        path,
        learn(known, np.ones(120, bool), empty, false_alarm=0.01),
        graph=SHA,
        roi=None,
        good=120,
        false_alarm=0.01,
        made_at=MOMENT,
    )
    content = path.read_bytes()
    path.unlink()
    return content


def lessons_file() -> bytes:
    words = to_wire(FULL.description) if FULL.description is not None else None
    assert words is not None
    lesson = Correction(
        number=1, kind="example", by="an", at=MOMENT, why="seen", station="cell", inspection="1", source="a.png", verdict_label="crack",
        label="functional", words=words, bundle=SHA, station_digest=SHA, prompt=None, golden=3,
    )  # fmt: skip
    lines = (lesson, Undo(number=2, by="an", at=MOMENT, why="no", undoes=1))
    return b"".join(line.model_dump_json(by_alias=True).encode() + b"\n" for line in lines)


def mark_file(folder: Path) -> bytes:
    path = folder / "seed.mark"
    mark = MarkFile(path)
    mark.begin(Mark("0" * 32, 7), like=folder)
    mark.advance(Mark("0" * 32, 8))
    mark.close()
    return path.read_bytes()


def trusted(path: Path) -> object:
    return read_trusted_keys(path.parent)


def revoked(path: Path) -> object:
    """A folder of its own: the keys of another parser are damaged too."""
    keys = path.with_name("keys")
    keys.mkdir(exist_ok=True)
    path.replace(keys / "revoked")
    return read_trusted_keys(keys)


def accepted(path: Path) -> None:
    AcceptedBundles(path).require_not_older(parse_manifest(MANIFEST))


def staged_state() -> State:
    """Bundle slots with something in each place."""
    entry = Slot(
        name="tiny",
        version=2,
        digest="sha256:" + "1" * 64,
        key_id="0" * 16,
        state="good",
        installed_at=MOMENT,
        memory_mb=5,
        revokes=("1" * 16,),
    )
    tried = entry.model_copy(update={"state": "trial", "version": 3, "downgrade": "no"})
    trial = Trial(slot="b", started_at=MOMENT, attempts=2, shadow_until=MOMENT)
    happened = (Event(at=MOMENT, event="returned", slot="b", name="tiny", version=3, digest="", why="it differs"),)
    return State(running="a", trial=trial, a=entry, b=tried, revoked=("2" * 16,), history=happened)


MANIFEST = as_json(manifest_of(sound_files()))
ACCEPTED = json.dumps({"schema": "kotoba.accepted/1", "bundles": [{"name": "tiny", "key_id": "0" * 16, "version": 2}]}).encode()
SLOTS = state_bytes(staged_state())
GGUF_KEYS = text("general.alignment") + b"\4\0\0\0\x20\0\0\0" + text("t") + b"\x09\0\0\0\x08\0\0\0\2" + bytes(7) + text("a") + text("b")
ONNX = onnx(field(2, 1) * 5 + field(8, b"weight"), field(4, b"MatMul") + field(5, field(1, b"axis") + field(3, 7)))
PICTURES = {
    "PNG": picture_files.png(),
    "JPEG": picture_files.jpeg(),
    "progressive JPEG": picture_files.jpeg(progressive=True),
    "TIFF": picture_files.encoded(picture_files.gradient(), "TIFF"),
    "LZW TIFF": picture_files.encoded(picture_files.gradient(), "TIFF", compression="tiff_lzw"),
    "deflate TIFF": picture_files.encoded(picture_files.gradient(), "TIFF", compression="tiff_adobe_deflate"),
    "BMP": picture_files.encoded(picture_files.gradient(), "BMP"),
    "PPM": picture_files.encoded(picture_files.gradient(), "PPM"),
    "PGM": picture_files.encoded(picture_files.gradient()[:, :, 0], "PPM"),
}


def parsers(folder: Path) -> tuple[Parser, ...]:
    """All of them; `folder` is for making the sound files."""
    return (
        Parser("manifest", (MANIFEST,), lambda raw, _: parse_manifest(raw), (ManifestError,)),
        Parser("signature", (encode_signature(b"m", KEY),), lambda raw, _: verify_file(b"m", raw, TRUSTED), (SignatureError,)),
        Parser("trusted key", (b"0" * 64 + b"\n",), of_file(f"k{KEY_SUFFIX}", trusted), (SignatureError,)),
        Parser("revoked keys", (f"# lost\n{'0' * 16} # in May\n".encode(),), of_file("revoked.txt", revoked), (SignatureError,)),
        Parser("state of the bundle slots", (SLOTS,), of_file("state.json", lambda path: StateFile(path.parent).read()), (BundleError,)),
        Parser("strict JSON", (MANIFEST, ACCEPTED, b"[1.5e3, null, true]"), lambda raw, _: parse_json(raw), (ValueError,)),
        Parser("accepted bundles", (ACCEPTED,), of_file("accepted.json", accepted), (ManifestError,)),
        Parser("archive", (b"".join(archive_parts(sound_files(), MANIFEST)),), of_file("b.kbundle", unpacked), (BundleError,)),
        Parser("GGUF header", (gguf(GGUF_KEYS, 2), lora()), of_file("m.gguf", require_sound), (BundleError,)),
        Parser("LoRA", (lora(),), of_file("a.gguf", read_lora), (BundleError,)),
        Parser("ONNX header", (ONNX,), of_file("m.onnx", require_self_contained), (BundleError,)),
        Parser("embeddings", (npy(np.ones((3, 4), np.float32)),), lambda raw, _: embeddings_of(raw, rows=3), (ValueError,)),
        Parser("station", (STARTER_STATION.read_bytes(),), lambda raw, _: parse_station(raw, source="s.toml"), (StationError,)),
        Parser("board", ((BOARDS / "cpu.toml").read_bytes(),), of_file("b.toml", lambda path: read_board(str(path))), (BoardError,)),
        Parser("calibration", (calibration({}).model_dump_json(by_alias=True).encode(),),
               lambda raw, _: parse_calibration(raw, path=Path("c.json")), (CalibrationError,)),
        Parser("memory of known pictures", (memory_file(),), of_file("m.json", partial(read_memory, roi=None)), (FamiliarityError,)),
        Parser("linear judge", (linear_file(linear_model()),), of_file("l.json", read_linear), (BundleError,)),
        Parser("lessons", (lessons_file(),), of_file("l.jsonl", read_lessons), (LessonError,)),
        Parser("message", (encode(FULL), encode(LOST)), lambda raw, _: decode(raw), (MessageError,)),
        Parser("judged lines", (encode(FULL) + b"\n" + encode(LOST) + b"\n",), of_file("v.jsonl", read_lines), (LabelsError,)),
        Parser("labels", (b"source,label\na.png,crack\nb.png,ok\n",), of_file("l.csv", read_labels), (LabelsError,)),
        Parser("mark of the spool", (mark_file(folder),), of_file("s.mark", lambda path: MarkFile(path).read())),
        *(
            Parser(name, (raw,), lambda raw, _: decode_picture(raw, name="p", max_pixels=MAX_PIXELS), (PictureError,))
            for name, raw in PICTURES.items()
        ),
    )  # fmt: skip
