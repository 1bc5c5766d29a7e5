"""Which files of a box belong into its backup."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.backup.manifest import ANSWERS, MAX_SMALL_BYTES, SETTINGS, SLOTS_STATE, Kind, OfBundle, is_ours, settings_folder
from edge.bundle.open import digest_of
from edge.errors import BackupError, BundleError
from edge.slots.open import bundle_folder, runs_slots, slots_of
from firmware_config.accepted_bundles import FILE_NAME as ACCEPTED
from firmware_config.bundle import MANIFEST_NAME, MAX_MANIFEST_BYTES, SIGNATURE_NAME, parse_manifest
from firmware_config.errors import ConfigError
from firmware_config.regular_file import read_limited
from firmware_config.settings import BoxSettings
from firmware_config.station import Station, read_station

CREDENTIALS, HANDED = "credentials", Path("/run/credentials")


@dataclass(frozen=True, slots=True)
class Found:
    """A file on the box. `content` is that of a small one, which may change while the others are read; None: it is read when packed."""

    kind: Kind
    name: str
    path: Path
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """All files of a box but its spool, the bundle that it runs, and the files that it needs and that are left out."""

    files: tuple[Found, ...]
    bundle: OfBundle | None
    left_out: tuple[str, ...]


def gather(settings: BoxSettings, *, with_bundles: bool) -> Box:
    """Find the files.

    Raises:
        BackupError: one cannot be read.
        StationError: a station file is wrong: a backup of it would be one of a box that does not run.
        BundleError: the state of the slots cannot be read.
    """
    try:
        files = list(_small(settings))
        named, left_out = _named(settings, [read_station(file.path) for file in files if file.kind == "station"])
        files += named
        if with_bundles:
            files += _bundles(settings)
    except OSError as err:
        msg = f"backup: {err.filename} cannot be read ({err.strerror}): run this as root, or as the user of the service"
        raise BackupError(msg) from err
    return Box(tuple(files), _running(settings), left_out)


def _small(settings: BoxSettings) -> Iterator[Found]:
    for name in SETTINGS:
        yield from _if_there("settings", name, settings_folder(settings) / name)
    for path in sorted(settings.stations.glob("*.toml")):
        yield from _if_there("station", path.name, path)
    for path in (*sorted(settings.keys.glob("*.pub")), settings.keys / "revoked"):
        yield from _if_there("key", path.name, path)
    for name in (ACCEPTED, ANSWERS):
        yield from _if_there("beside", name, settings.spool.with_name(name))
    yield from _if_there("slots", SLOTS_STATE, settings.bundles / SLOTS_STATE)


def _if_there(kind: Kind, name: str, path: Path) -> Iterator[Found]:
    if path.exists():
        content = read_limited(path, MAX_SMALL_BYTES)
        if path.suffix == ".jsonl":  # a line may be written just now
            content = content[: content.rfind(b"\n") + 1]
        yield Found(kind, name, path, content)


def _named(settings: BoxSettings, stations: list[Station]) -> tuple[list[Found], tuple[str, ...]]:
    """The files that stations name, their own knowledge, and a board; apart from them what stays outside, secrets above all."""
    found: dict[str, Found] = {}
    left_out: dict[str, None] = dict.fromkeys(map(str, _credentials(settings)))
    known = [Path(settings.board) if settings.board.endswith(".toml") else None]
    for station in stations:
        judge = station.judge
        known += [judge.template_file, judge.calibration, judge.lessons, station.familiarity.memory_file]
        outside = [path for _, path in station.outputs.named_files()]
        outside += [path for key, path in station.camera.named_files() if key == "password_file"]
        left_out |= dict.fromkeys(str(_stored(path, settings)) for path in outside)
    for path in filter(None, known):
        name = str(path.absolute())
        if is_ours(path.absolute(), settings):
            found.update((each.name, each) for each in _if_there("named", name, path))
        else:
            left_out[name] = None
    return list(found.values()), tuple(left_out)


def _credentials(settings: BoxSettings) -> list[Path]:
    """The secrets that are stored on the box, those of its broker too; only root may list them."""
    try:
        return sorted((settings_folder(settings) / CREDENTIALS).iterdir())
    except OSError:
        return []


def _stored(path: Path, settings: BoxSettings) -> Path:
    """Where a person has put a secret that systemd hands to the service while it runs."""
    return settings_folder(settings) / CREDENTIALS / path.name if path.is_relative_to(HANDED) else path


def _running(settings: BoxSettings) -> OfBundle | None:
    """The bundle that the box runs; None where it has none yet."""
    try:
        raw = read_limited(bundle_folder(settings) / MANIFEST_NAME, MAX_MANIFEST_BYTES)
        manifest = parse_manifest(raw)
    except (OSError, ConfigError, BundleError):
        return None
    return OfBundle(name=manifest.name, version=manifest.bundle_version, digest=digest_of(raw))


def _bundles(settings: BoxSettings) -> Iterator[Found]:
    if not runs_slots(settings):
        yield from _bundle("bundle", "", settings.bundle)
        return
    slots = slots_of(settings)
    state = slots.read()
    for name in ("a", "b"):
        if state.a if name == "a" else state.b:
            yield from _bundle("slots", f"{name}/", slots.root / name)


def _bundle(kind: Kind, prefix: str, root: Path) -> Iterator[Found]:
    manifest = parse_manifest(read_limited(root / MANIFEST_NAME, MAX_MANIFEST_BYTES))
    for name in (MANIFEST_NAME, SIGNATURE_NAME, *(file.path for file in manifest.files)):
        yield Found(kind, f"{prefix}{name}", root / name)
