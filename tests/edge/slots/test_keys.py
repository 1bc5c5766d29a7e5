"""Keys of a box: the next one comes with a bundle that the old one signed, a lost one is revoked, and what a station was taught stays."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge.bundle.open import open_bundle
from edge.cli import main
from edge.errors import BundleError
from edge.judges import open_station_judge
from edge.judges.lessons import Correction
from edge.message import to_wire
from edge.slots.carried_keys import new_keys, require_writable
from edge.slots.open import open_running_bundle
from edge.slots.slots import Slots
from export.bundle.build import sign
from firmware_config.bundle import parse_manifest
from firmware_config.calibration import FittedFor, labels_of, write_calibration
from firmware_config.errors import ManifestError, SignatureError
from firmware_config.settings import BoxSettings
from firmware_config.signature import REVOKED, key_id, public_key, read_trusted_keys, verify, verify_file
from tests.support import judged_words
from tests.support.calibrations import calibration
from tests.support.sample_records import MOMENT
from tests.support.slots import OTHER_ID, OTHER_KEY, archive, bundle_folder
from tests.support.tiny_bundle import KEY, TRUSTED, is_one_sentence

KEY_ID = key_id(public_key(KEY))


@dataclass(frozen=True)
class Box:
    """A box that trusts one key; its bundles are taken without a look at their models."""

    root: Path

    @property
    def settings(self) -> BoxSettings:
        return BoxSettings(keys=self.root / "keys", bundles=self.root / "bundles", spool=self.root / "spool.sqlite")

    @property
    def slots(self) -> Slots:
        return Slots(self.root / "bundles")

    def install(self, version: int, *, key: bytes = KEY, **changes: object) -> None:
        source = archive(self.root / f"v{version}.kbundle", version, key=key, **changes)
        self.slots.install(source, trusted=read_trusted_keys(self.root / "keys"))

    def run(self, version: int, *, key: bytes = KEY, **changes: object) -> None:
        self.install(version, key=key, **changes)
        self.slots.ask()
        if self.slots.read().wanted is not None:
            self.slots.begin_trial()
            self.slots.make_good()

    def running(self) -> int:
        return open_running_bundle(self.settings).manifest.bundle_version

    def trust(self, private: bytes) -> None:
        public = public_key(private)
        (self.root / "keys" / f"{key_id(public)}.pub").write_text(public.hex() + "\n")


@pytest.fixture
def box(tmp_path: Path) -> Box:
    (tmp_path / "keys").mkdir()
    made = Box(tmp_path)
    made.trust(KEY)
    return made


def test_a_bundle_of_a_revoked_key_is_refused_at_its_install_and_at_the_start(box: Box) -> None:
    box.trust(OTHER_KEY)
    box.run(1)
    (box.root / "keys" / "revoked").write_text(f"{KEY_ID}\n")

    for use in (lambda: box.install(2), box.running):
        with pytest.raises(BundleError, match=f"signed by key {KEY_ID}, which was revoked: install a bundle") as refused:
            use()
        assert is_one_sentence(str(refused.value))
    box.run(2, key=OTHER_KEY)
    assert box.running() == 2


def test_with_a_revoked_key_nothing_can_be_verified() -> None:
    from firmware_config.signature import encode_signature, sign

    trusted = {KEY_ID: REVOKED, OTHER_ID: public_key(OTHER_KEY)}
    with pytest.raises(SignatureError, match="which was revoked"):
        verify_file(b"{}", encode_signature(b"{}", KEY), trusted)
    with pytest.raises(SignatureError, match=rf"by no trusted key.*\(trusted: {OTHER_ID}\)"):
        verify(b"{}", sign(b"{}", KEY), trusted)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"abc\n", "'abc', expected one key id"),
        (KEY_ID.upper().encode(), "expected one key id"),
        (b"#" * 100_001, "more than 100000 bytes"),
    ],
    ids=["too short", "capitals", "huge"],
)
def test_a_list_of_revoked_keys_that_is_none_is_refused(content: bytes, expected: str, box: Box) -> None:
    (box.root / "keys" / "revoked").write_bytes(content)
    with pytest.raises(SignatureError, match=expected) as refused:
        read_trusted_keys(box.root / "keys")
    assert is_one_sentence(str(refused.value))


def test_a_list_of_revoked_keys_may_not_be_a_link(box: Box) -> None:
    (box.root / "list").write_text("")
    (box.root / "keys" / "revoked").symlink_to(box.root / "list")
    with pytest.raises(SignatureError, match="is a link"):
        read_trusted_keys(box.root / "keys")


def test_a_revocation_counts_for_installs_at_once_and_for_what_runs_when_its_bundle_runs(box: Box) -> None:
    box.trust(OTHER_KEY)
    box.run(1)
    box.install(2, key=OTHER_KEY, revoked_keys=[KEY_ID])

    assert box.running() == 1, "until the new bundle runs, the old one judges"
    with pytest.raises(BundleError, match="which was revoked"):
        box.install(3)
    box.slots.ask()
    assert box.running() == 1
    box.slots.begin_trial()
    box.slots.make_good()

    assert box.running() == 2
    with pytest.raises(BundleError, match="which was revoked"):
        box.install(3)
    old = box.slots.read().a
    assert old is not None
    assert (old.state, old.why) == ("returned", f"key {KEY_ID}, which signed it, was revoked")
    with pytest.raises(BundleError, match="no other good bundle"):
        box.slots.rollback("back to the old one")


def test_a_revocation_of_a_bundle_that_goes_back_does_not_count_for_what_runs(box: Box) -> None:
    box.trust(OTHER_KEY)
    box.run(1)
    box.install(2, key=OTHER_KEY, revoked_keys=[KEY_ID])
    box.slots.ask()
    box.slots.go_back("it differs")
    assert (box.running(), box.slots.read().revoked) == (1, ())


@pytest.fixture(scope="module")
def runnable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that runs, its key, and the same one signed with another key that it carries before."""
    root = tmp_path_factory.mktemp("rotated")
    shutil.copytree(judged_words.box() / "keys", root / "keys")
    shutil.copytree(judged_words.box() / "bundle", root / "old")
    shutil.copytree(root / "old", root / "new")
    manifest = parse_manifest((root / "old" / "manifest.json").read_bytes())
    private = bytes.fromhex((root / "keys" / "builder.key").read_text().strip())
    sign(root / "old", manifest.model_copy(update={"new_keys": (public_key(OTHER_KEY).hex(),)}), private)
    sign(root / "new", manifest.model_copy(update={"bundle_version": manifest.bundle_version + 1, "key_id": OTHER_ID}), OTHER_KEY)
    return root


def options(root: Path) -> list[str]:
    return ["--bundles", str(root / "bundles"), "--keys", str(root / "keys"), "--spool", str(root / "spool.sqlite")]


def test_the_next_key_comes_with_a_bundle_that_the_old_key_signed(
    runnable: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(runnable / "keys", tmp_path / "keys")
    assert main(["bundle", "install", str(runnable / "new"), *options(tmp_path)]) == 78
    assert f"signed by key {OTHER_ID}, which is not trusted" in capsys.readouterr().err

    assert main(["bundle", "install", str(runnable / "old"), *options(tmp_path)]) == 0
    assert f"key {OTHER_ID} is trusted from now on: tiny version 3 carries it, and key" in capsys.readouterr().out
    assert (tmp_path / "keys" / f"{OTHER_ID}.pub").read_text() == public_key(OTHER_KEY).hex() + "\n"
    history = Slots(tmp_path / "bundles").read().history
    assert [(event.event, event.why) for event in history][-1] == ("key", f"key {OTHER_ID} is trusted from now on")

    assert main(["bundle", "activate", "--board", str(judged_words.box() / "board.toml"), *options(tmp_path)]) == 0
    assert main(["bundle", "install", str(runnable / "new"), *options(tmp_path)]) == 0
    capsys.readouterr()
    assert main(["bundle", "install", str(runnable / "old"), *options(tmp_path)]) == 0, "its key is not revoked"
    assert "is trusted from now on" not in capsys.readouterr().out, "it was before"


def test_calibration_and_lessons_survive_a_new_key(runnable: Path, tmp_path: Path) -> None:
    """They hang on the models, whoever signed them."""
    trusted = {**read_trusted_keys(runnable / "keys"), OTHER_ID: public_key(OTHER_KEY)}
    old, new = (open_bundle(runnable / name, trusted=trusted) for name in ("old", "new"))
    assert old.digest != new.digest
    assert old.manifest.models_digest == new.manifest.models_digest

    station = judged_words.station()
    lesson = Correction(
        number=1, kind="example", by="Tanaka", at=MOMENT, why="a scratch", station="cell-01", inspection="1" * 32, source="part-1.png",
        verdict_label="good", label="bad", words=to_wire(judged_words.description(1)), bundle=old.digest, station_digest=station.digest,
        prompt=None, golden=2,
    )  # fmt: skip
    (tmp_path / "lessons.jsonl").write_text(lesson.model_dump_json(by_alias=True) + "\n")
    station = station.with_judge({"lessons": tmp_path / "lessons.jsonl"})
    model = judged_words.model()
    before = open_station_judge(model, bundle=old, station=station).score(judged_words.description(2).words)
    fitted = FittedFor(
        models=old.manifest.models_digest,
        prompt=before.prompt,
        adapter=before.adapter,
        method="rank",
        describing=station.describing_digest,
        labels=labels_of(station.labels),
    )
    write_calibration(tmp_path / "cell.json", calibration(fitted.model_dump()))
    calibrated = station.with_judge({"calibration": tmp_path / "cell.json"})

    scores = [open_station_judge(model, bundle=one, station=calibrated).score(judged_words.description(2).words) for one in (old, new)]

    assert scores[0] == scores[1]
    untaught = open_station_judge(model, bundle=new, station=judged_words.station()).score(judged_words.description(2).words)
    assert scores[0].prompt == before.prompt != untaught.prompt


def test_a_carried_key_that_cannot_be_kept_refuses_the_bundle(box: Box) -> None:
    folder = bundle_folder(box.root / "b", 1, new_keys=[public_key(OTHER_KEY).hex()])
    manifest = open_bundle(folder, trusted=TRUSTED).manifest
    keys = new_keys(manifest, TRUSTED)
    assert keys == {OTHER_ID: public_key(OTHER_KEY)}
    with pytest.raises(ManifestError, match=f"carries the key {OTHER_ID}, and the folder of the keys .* install it as root"):
        require_writable(box.root / "nowhere", keys)
    require_writable(box.root / "keys", keys)
    require_writable(box.root / "nowhere", {})
