"""A box of the tests with all that its commands need, and what may be wrong with it, by the names of docs/operations.md."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edge.backup.unfinished import decided_folder
from edge.drift.state_file import FILE_NAME as DRIFT_FILE
from edge.slots.slots import Slots
from edge.spool.store import Spool
from firmware_config.accepted_bundles import FILE_NAME, AcceptedBundles
from firmware_config.bundle import parse_manifest
from firmware_config.calibration import write_calibration
from firmware_config.signature import read_trusted_keys
from tests.support.box_files import BOX_TOML
from tests.support.calibrations import calibration
from tests.support.inspections import inspection
from tests.support.mosquitto import free_port
from tests.support.picture_files import encoded, gradient

COMMANDS = Path(sys.executable).parent
QUOTA_BYTES = 1_000_000
"""The least that KOTOBA_SPOOL_MAX_BYTES may be."""


@dataclass
class Box:
    """Everything that a command needs, in a folder of its own."""

    root: Path
    port: int
    environment: dict[str, str] = field(default_factory=dict)
    within: tuple[str, ...] = ()
    """What the command is started by, as `env` starts one."""

    @property
    def station(self) -> Path:
        return self.root / "stations" / "cell-01.toml"

    @property
    def box_file(self) -> Path:
        return self.root / "box.toml"

    @property
    def picture(self) -> Path:
        return self.root / "pictures" / "part-1.png"

    @property
    def spool(self) -> Path:
        return self.root / "spool" / "spool.sqlite"

    @property
    def bundle(self) -> Path:
        return self.root / "bundle"

    def start(self, command: str, log: Path) -> subprocess.Popen[bytes]:
        """Start a command of the document, with its output in a file."""
        named = (
            command.replace("BOXFILE", str(self.box_file))
            .replace("STATION", str(self.station))
            .replace("PICTURE", str(self.picture))
            .replace("BUNDLE", str(self.bundle))
        )
        program, *arguments = shlex.split(named)
        settings = {
            "KOTOBA_STATIONS": self.station.parent,
            "KOTOBA_BUNDLE": self.bundle,
            "KOTOBA_BUNDLES": self.root / "bundles",
            "KOTOBA_KEYS": self.root / "keys",
            "KOTOBA_SPOOL": self.spool,
            "OMP_NUM_THREADS": 1,
        }
        environment = {**os.environ, **{key: str(value) for key, value in settings.items()}, **self.environment}
        with log.open("wb") as output:
            return subprocess.Popen(
                [*self.within, COMMANDS / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
            )


def change_station(old: str, new: str) -> Callable[[Box], None]:
    def change(box: Box) -> None:
        box.station.write_text(box.station.read_text().replace(old, new))

    return change


def write_box_file(old: str, new: str) -> Callable[[Box], None]:
    def write(box: Box) -> None:
        assert old in BOX_TOML
        box.box_file.write_text(BOX_TOML.replace(old, new))

    return write


def watch_a_folder_that_is_not_there(box: Box) -> None:
    change_station("watch = false\nrepeat = true", "")(box)
    change_station("pictures", "elsewhere")(box)


def use_another_camera(box: Box, *lines: str) -> None:
    text = box.station.read_text()
    folder = text[text.index("[camera]") : text.index("\n[[labels]]")]
    box.station.write_text(text.replace(folder, "\n".join(["[camera]", *lines, ""])))


def switch_the_camera_off(box: Box) -> None:
    use_another_camera(box, 'kind = "rtsp"', f'url = "rtsp://127.0.0.1:{free_port()}/line"')


def name_a_pipe_as_video(box: Box) -> None:
    os.mkfifo(box.root / "line.avi")
    use_another_camera(box, 'kind = "video"', f'path = "{box.root / "line.avi"}"')


def use_a_board(box: Box, *lines: str) -> None:
    board = box.root / "board.toml"
    board.write_text("\n".join(('name = "mine"', 'providers = ["cpu"]', *lines, "")), encoding="utf-8")
    box.environment["KOTOBA_BOARD"] = str(board)


def ask_for_more_threads_than_cores(box: Box) -> None:
    leave_out_the_broker(box)
    use_a_board(box, f"threads = {len(os.sched_getaffinity(0)) + 1}")


def allow_more_memory_than_there_is(box: Box) -> None:
    leave_out_the_broker(box)
    use_a_board(box, "threads = 1", "memory_mb = 9000000")


def lose_bundle(box: Box) -> None:
    box.bundle.unlink()


def flip_one_byte(box: Box, file: str = "clip/vision.onnx") -> None:
    sound = box.bundle.resolve()
    box.bundle.unlink()
    for path in sound.rglob("*"):
        if path.is_file():
            (box.bundle / path.relative_to(sound)).parent.mkdir(parents=True, exist_ok=True)
            (box.bundle / path.relative_to(sound)).write_bytes(path.read_bytes())
    raw = bytearray((box.bundle / file).read_bytes())
    raw[len(raw) // 2] ^= 1
    (box.bundle / file).write_bytes(raw)


def leave_out_the_broker(box: Box) -> None:
    box.station.write_text(box.station.read_text().partition("[outputs.mqtt]")[0])


def cut_off(box: Box) -> None:
    box.picture.write_bytes(box.picture.read_bytes()[:200])


def zero_the_middle(box: Box) -> None:
    raw = encoded(gradient(200, 200), "JPEG", quality=95)
    third = len(raw) // 3
    box.picture.write_bytes(raw[:third] + bytes(third) + raw[2 * third :])


def deepen(box: Box) -> None:
    box.picture.write_bytes(encoded(gradient()[:, :, 0].astype(np.uint16) * 16, "PNG"))


def write_as_webp(box: Box) -> None:
    box.picture.write_bytes(encoded(gradient(), "WEBP"))


def use_up_the_spool(box: Box) -> None:
    cut_off(box)  # judged without any model: hundreds a second
    box.environment["KOTOBA_SPOOL_MAX_BYTES"] = str(QUOTA_BYTES)


def use_up_the_disk(box: Box) -> None:
    cut_off(box)
    box.spool.parent.mkdir()
    small = 'mount -t tmpfs -o size=10m tmpfs "$0" && exec "$@"'  # 8 MB of it are the spool's ballast
    box.within = ("unshare", "--mount", "--map-root-user", "sh", "-c", small, str(box.spool.parent))


def calibrate_for_another_bundle(box: Box) -> None:
    path = box.root / "calibration.json"
    write_calibration(path, calibration({"labels": {"good": "ok", "bad": "ng"}}))
    change_station("min_confidence = 0.5", f'calibration = "{path}"')(box)


def name_a_pipe(box: Box) -> None:
    os.mkfifo(box.root / "password")
    change_station("[outputs.mqtt]", f'[outputs.mqtt]\npassword_file = "{box.root / "password"}"')(box)


def empty_the_spool(box: Box) -> None:
    box.spool.parent.mkdir()
    with closing(Spool(box.spool, ballast_bytes=4096)) as spool:
        spool.commit(inspection(1))
    box.spool.write_bytes(b"")


def put_the_pictures_nowhere(box: Box) -> None:
    leave_out_the_broker(box)
    box.environment["KOTOBA_EVIDENCE"] = str(box.root / "nowhere" / "evidence")


def use_up_the_evidence_disk(box: Box) -> None:
    put_the_pictures_nowhere(box)
    disk = box.root / "nowhere"
    disk.mkdir()
    box.within = ("unshare", "--mount", "--map-root-user", "sh", "-c", 'mount -t tmpfs -o size=10m tmpfs "$0" && exec "$@"', str(disk))


def run_a_newer_bundle(box: Box) -> None:
    manifest = parse_manifest((box.bundle / "manifest.json").read_bytes())
    AcceptedBundles.beside(box.spool).accept(manifest.model_copy(update={"bundle_version": 9}))


def revoke_the_key(box: Box) -> None:
    manifest = parse_manifest((box.bundle / "manifest.json").read_bytes())
    sound = (box.root / "keys").resolve()
    (box.root / "keys").unlink()
    (box.root / "keys").mkdir()
    for key in sound.glob("*.pub"):
        (box.root / "keys" / key.name).write_bytes(key.read_bytes())
    (box.root / "keys" / "revoked").write_text(f"{manifest.key_id}\n")


def keep_the_disk_for_the_spool(box: Box) -> None:
    box.spool.parent.mkdir()
    box.environment["KOTOBA_SPOOL_MAX_BYTES"] = str(1 << 60)


def spoil_the_slots(box: Box) -> None:
    (box.root / "bundles").mkdir()
    (box.root / "bundles" / "state.json").write_bytes(b"")


def spoil_the_accepted_bundles(box: Box) -> None:
    run_a_newer_bundle(box)
    box.spool.with_name(FILE_NAME).write_bytes(b"")


def spoil_the_counted_words(box: Box) -> None:
    leave_out_the_broker(box)
    box.spool.parent.mkdir(exist_ok=True)
    box.spool.with_name(DRIFT_FILE).write_bytes(b"{")


def use_up_the_files_of_the_disk(box: Box) -> None:
    leave_out_the_broker(box)
    box.spool.parent.mkdir()
    small = 'mount -t tmpfs -o size=50m,nr_inodes=8 tmpfs "$0" && exec "$@"'  # the folder, the daemon's lock and the six files of a spool
    box.within = ("unshare", "--mount", "--map-root-user", "sh", "-c", small, str(box.spool.parent))


def let_another_daemon_have_the_spool(box: Box) -> None:
    box.spool.parent.mkdir()
    held = 'exec 9>"$0" && flock 9 && echo 4711 >&9 && exec "$@"'
    box.within = ("sh", "-c", held, f"{box.spool}.daemon")


def interrupt_a_restore(box: Box) -> None:
    decided_folder(box.spool).mkdir(parents=True)


def leave_a_trial_over(box: Box) -> None:
    leave_out_the_broker(box)
    slots = Slots(box.root / "bundles")
    for _ in range(2):
        slots.install(box.bundle.resolve(), trusted=read_trusted_keys(box.root / "keys"))
        slots.ask()
    slots.begin_trial()
    box.environment["KOTOBA_BUNDLES"] = str(slots.root)
    box.within = ("env", "--unset=KOTOBA_BUNDLE")


def misspell_a_key_at_a_reload(box: Box) -> None:
    leave_out_the_broker(box)
    box.within = (sys.executable, "-m", "tests.support.spoiled_reload", str(box.station))


def keep_files_without_a_limit(box: Box) -> None:
    box.station.write_text(f'{box.station.read_text()}\n[outputs.jsonl]\npath = "verdicts.jsonl"\nkeep_files = 3\n')


def contradict_over_a_file(box: Box) -> None:
    text, lines = box.station.read_text(), f'\n[outputs.jsonl]\npath = "{box.root / "verdicts.jsonl"}"\n'
    box.station.write_text(text + lines)
    other = text.replace('name = "cell-01"', 'name = "cell-02"') + lines + "max_bytes = 100000\n"
    box.station.with_name("cell-02.toml").write_text(other)


FAILURES: dict[str, Callable[[Box], None]] = {
    "trigger over MQTT of a camera that does not run freely": change_station(
        "[judge]", '[trigger]\nkind = "mqtt"\ndeadline_ms = 500\n\n[judge]'
    ),
    "trigger over MQTT without a deadline": change_station("[judge]", '[trigger]\nkind = "mqtt"\n\n[judge]'),
    "unknown key in a station file": change_station("min_confidence = 0.5", 'colour = "red"'),
    "misspelt key in a station file": change_station("min_confidence", "min_confidense"),
    "misspelt key in a box file": write_box_file("site =", "sight ="),
    "two stations on one camera": write_box_file("[[cameras]]", '[[stations]]\nname = "cell-02"\ncamera = "pictures"\n\n[[cameras]]'),
    "port taken twice": write_box_file("ports = [22]", "ports = [22, 9108]"),
    "name with a space in a box file": write_box_file("line1-box", "line 1"),
    "station file that says otherwise than its box": write_box_file("plant/line1", "plant/line2"),
    "misspelt key at a reload": misspell_a_key_at_a_reload,
    "two stations that say different things of a file": contradict_over_a_file,
    "files to keep without a limit": keep_files_without_a_limit,
    "station that can never say OK": leave_out_the_broker,
    "new station without its answers": lambda _: None,
    "new station from a bundle with a changed file": lambda box: flip_one_byte(box, "golden/station.toml"),
    "label without decision": change_station('decision = "ng"', ""),
    "camera folder that is not there": change_station("pictures", "elsewhere"),
    "watched folder that is not there": watch_a_folder_that_is_not_there,
    "board with layers on a GPU that llama.cpp cannot use": lambda box: use_a_board(box, "llm_gpu_layers = -1"),
    "board with more threads than cores": ask_for_more_threads_than_cores,
    "board that allows more memory than there is": allow_more_memory_than_there_is,
    "camera that cannot be reached": switch_the_camera_off,
    "video that is a pipe": name_a_pipe_as_video,
    "calibration that is not there": change_station("min_confidence = 0.5", 'calibration = "nowhere.json"'),
    "calibration of another bundle": calibrate_for_another_bundle,
    "missing bundle": lose_bundle,
    "older bundle than the box has run": run_a_newer_bundle,
    "bundle of a key that was revoked": revoke_the_key,
    "no room for a bundle beside the spool": keep_the_disk_for_the_spool,
    "no bundle to go back to": lambda _: None,
    "no bundle to try": lambda _: None,
    "damaged state of the bundle slots": spoil_the_slots,
    "damaged list of accepted bundles": spoil_the_accepted_bundles,
    "damaged counts of words": spoil_the_counted_words,
    "full disk at the first start of a bundle": use_up_the_files_of_the_disk,
    "bundle with one flipped byte": flip_one_byte,
    "misspelt environment variable": lambda box: box.environment.update(KOTOBA_METRIC_PORT="9100"),
    "trial of a bundle that a crash has ended": leave_a_trial_over,
    "wrong environment variable": lambda box: box.environment.update(KOTOBA_SPOOL_MAX_BYTES="5"),
    "picture that is cut off": cut_off,
    "picture with its middle zeroed": zero_the_middle,
    "picture of 16 bits without a bit depth": deepen,
    "picture in a format that is not read": write_as_webp,
    "no picture named": lambda _: None,
    "verdict of a box that has not run": lambda _: None,
    "lessons without a file for them": lambda _: None,
    "lessons that are not there": change_station("min_confidence = 0.5", 'lessons = "nowhere.jsonl"'),
    "unreachable broker": lambda _: None,
    "password file that is a pipe": name_a_pipe,
    "spool that was emptied": empty_the_spool,
    "another daemon on the spool": let_another_daemon_have_the_spool,
    "interrupted restore": interrupt_a_restore,
    "full spool": use_up_the_spool,
    "full disk": use_up_the_disk,
    "database of a consumer in a folder that is not there": lambda _: None,
    "consumer without the file of its PostgreSQL": lambda _: None,
    "evidence folder that cannot be made": put_the_pictures_nowhere,
    "evidence disk that is nearly full": use_up_the_evidence_disk,
}
