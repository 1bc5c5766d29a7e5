"""`kotoba-config apply`: what it writes, keeps, refuses and restores."""

from __future__ import annotations

import argparse
import os
import stat
from pathlib import Path

import pytest

from firmware_config.apply.record import KEPT, PENDING, PLACE, opened_records
from firmware_config.cli import parser
from firmware_config.commands.apply import apply_tree
from firmware_config.errors import ApplyError
from tests.support.applied_trees import FIRST, SECOND, apply, files_of, make_tree
from tests.support.repository import ROOT

GOLDEN_BOXES = ROOT / "tests/firmware_config/golden"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root/etc").mkdir(parents=True)
    (tmp_path / "root/etc/nftables.conf").write_text("# of the distribution\n")
    return tmp_path / "root"


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "first", FIRST)


@pytest.fixture
def second(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "second", SECOND)


def test_a_tree_is_written_with_its_modes_after_its_difference_is_shown(
    root: Path, first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (first / "etc/kotoba/credentials").mkdir(mode=0o700)
    (first / "etc/kotoba/environment").chmod(0o600)
    assert apply(root, first, "--yes") == 0
    assert files_of(root) == FIRST
    assert stat.S_IMODE((root / "etc/kotoba/environment").stat().st_mode) == 0o600
    assert stat.S_IMODE((root / "etc/kotoba/credentials").stat().st_mode) == 0o700
    said = capsys.readouterr().out
    assert "--- a/etc/nftables.conf\n+++ b/etc/nftables.conf\n@@ -1 +1,2 @@\n-# of the distribution\n+table inet kotoba {" in said
    assert "--- /dev/null\n+++ b/etc/systemd/system/kotoba-edge.service.d/box.conf" in said
    assert "2 new, 1 changed, 0 removed" in said
    assert "systemctl daemon-reload" in said
    assert said.index("daemon-reload") < said.index("systemctl restart kotoba-edge.service")


def test_the_same_tree_again_writes_nothing(root: Path, first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    apply(root, first, "--yes")
    inode = (root / "etc/kotoba/environment").stat().st_ino
    capsys.readouterr()
    assert apply(root, first) == 0
    assert "nothing to write" in capsys.readouterr().out
    assert (root / "etc/kotoba/environment").stat().st_ino == inode


def test_what_a_later_tree_does_not_hold_is_taken_away_and_back_restores_each_state(root: Path, first: Path, second: Path) -> None:
    before = files_of(root)
    apply(root, first, "--yes")
    apply(root, second, "--yes")
    assert files_of(root) == SECOND
    assert apply(root, "--back", "--yes") == 0
    assert files_of(root) == FIRST
    assert apply(root, second, "--yes") == 0, "what was restored is known to be ours"
    assert files_of(root) == SECOND
    assert [apply(root, "--back", "--yes") for _ in range(2)] == [0, 0]
    assert files_of(root) == before
    assert not (root / "etc/kotoba").exists()


def test_without_an_earlier_state_back_says_so(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert apply(root, "--back", "--yes") == 1
    assert "no earlier state is kept in" in capsys.readouterr().err


def test_only_the_last_states_are_kept(root: Path, tmp_path: Path) -> None:
    for number in range(KEPT + 3):
        apply(root, make_tree(tmp_path / str(number), {"etc/kotoba/environment": f"KOTOBA_BOX=box-{number}\n"}), "--yes")
    for number in reversed(range(2, KEPT + 2)):
        assert apply(root, "--back", "--yes") == 0
        assert files_of(root)["etc/kotoba/environment"] == f"KOTOBA_BOX=box-{number}\n"
    assert apply(root, "--back", "--yes") == 1


def test_without_a_terminal_it_shows_the_difference_and_refuses(root: Path, first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files_of(root)
    assert apply(root, first) == 2
    said = capsys.readouterr()
    assert "+KOTOBA_BOX=press-3" in said.out
    assert said.err == "kotoba-config: nothing is written, because nobody can be asked without a terminal: give --yes\n"
    assert files_of(root) == before


@pytest.mark.parametrize(("answer", "code"), [(True, 0), (False, 1)])
def test_a_person_is_asked(root: Path, first: Path, answer: bool, code: int) -> None:  # noqa: FBT001 -- a parameter
    asked: list[str] = []

    def ask(question: str) -> bool:
        asked.append(question)
        return answer

    options = parser().parse_args(["apply", str(first), "--root", str(root)])
    assert apply_tree(options, ask=ask) == code
    assert asked == [f"Write this onto {root}? [y/N] "]
    assert (files_of(root) == FIRST) is answer


def test_a_file_that_was_changed_by_hand_is_shown_and_not_overwritten(
    root: Path, first: Path, second: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    apply(root, first, "--yes")
    (root / "etc/kotoba/environment").write_text("KOTOBA_BOX=mine\n")
    capsys.readouterr()
    assert apply(root, second, "--yes") == 1
    said = capsys.readouterr()
    assert "-KOTOBA_BOX=mine" in said.out
    assert "/etc/kotoba/environment was changed by hand since it was written" in said.err
    assert "etc/logrotate.d/kotoba" not in files_of(root), "all or nothing"

    assert apply(root, second, "--yes", "--overwrite") == 0
    assert files_of(root) == SECOND
    assert apply(root, "--back", "--yes") == 0
    assert files_of(root)["etc/kotoba/environment"] == "KOTOBA_BOX=mine\n", "what was overwritten is not lost"


def test_a_file_to_be_taken_away_that_was_changed_by_hand_stays(root: Path, first: Path, second: Path) -> None:
    apply(root, first, "--yes")
    dropped = root / "etc/systemd/system/kotoba-edge.service.d/box.conf"
    dropped.write_text("[Service]\nMemoryMax=3000M\n")
    assert apply(root, second, "--yes") == 1
    assert dropped.exists()


def test_what_was_changed_by_hand_is_not_lost_by_going_back(root: Path, first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    apply(root, first, "--yes")
    (root / "etc/nftables.conf").write_text("# mine\n")
    assert apply(root, "--back", "--yes") == 1
    assert "/etc/nftables.conf was changed by hand" in capsys.readouterr().err
    assert files_of(root)["etc/nftables.conf"] == "# mine\n"


def test_a_link_in_the_place_of_a_file_is_not_followed(root: Path, first: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine\n")
    (root / "etc/nftables.conf").unlink()
    (root / "etc/nftables.conf").symlink_to(outside)
    assert apply(root, first, "--yes") == 1
    assert apply(root, first, "--yes", "--overwrite") == 0
    assert files_of(root) == FIRST
    assert outside.read_text() == "mine\n"
    assert apply(root, "--back", "--yes") == 0
    assert files_of(root) == {"etc/nftables.conf": f"-> {outside}"}


def test_a_folder_that_leads_out_of_the_root_is_refused(
    root: Path, first: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "outside").mkdir()
    (root / "etc/kotoba").symlink_to(tmp_path / "outside")
    assert apply(root, first, "--yes", "--overwrite") == 1
    assert "is a link that leads out of" in capsys.readouterr().err
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_folder_that_is_a_link_within_the_root_is_followed(root: Path, tmp_path: Path) -> None:
    (root / "usr/lib").mkdir(parents=True)
    (root / "lib").symlink_to("usr/lib")
    assert apply(root, make_tree(tmp_path / "tree", {"lib/systemd/system/kotoba-edge.service": "[Unit]\n"}), "--yes") == 0
    assert (root / "usr/lib/systemd/system/kotoba-edge.service").read_text() == "[Unit]\n"
    twice = {"lib/systemd/x.conf": "1\n", "usr/lib/systemd/x.conf": "2\n"}
    assert apply(root, make_tree(tmp_path / "twice", twice), "--yes") == 1


def test_secrets_are_not_printed(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {
        "etc/kotoba/credentials/mqtt": "hunter2\n",
        "etc/mosquitto/passwords": "box:$7$hunter2\n",
        "etc/kotoba/own": "hunter2\n",
        "etc/kotoba/settings": "user = box\npassword = hunter2\nurl = rtsp://me:hunter2@camera/1\n\x1b[2Jbell\n",
    }
    tree = make_tree(tmp_path / "tree", files)
    for name in ("own", "credentials/mqtt"):
        (tree / f"etc/kotoba/{name}").chmod(0o600)
    assert apply(root, tree, "--yes") == 0
    said = capsys.readouterr().out
    assert "hunter2" not in said
    assert said.count("the content is a secret and not shown") == 3
    assert "+url = rtsp://***@camera/1" in said
    assert "\x1b" not in said
    assert "\\x1b[2Jbell" in said


def test_a_second_apply_at_the_same_time_is_refused(root: Path, first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with opened_records(root.resolve()):
        assert apply(root, first, "--yes") == 1
    assert "another `kotoba-config apply` is at work" in capsys.readouterr().err


def test_records_that_another_user_could_have_written_are_not_trusted(root: Path, first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / PLACE).mkdir(parents=True)
    (root / PLACE).chmod(0o777)
    assert apply(root, first, "--yes") == 1
    assert "can be written by another user than this one" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda tree: (tree / "etc/link").symlink_to("/etc/passwd"), "etc/link is a link or a device"),
        (lambda tree: os.mkfifo(tree / "etc/pipe"), "etc/pipe is a link or a device"),
        (lambda tree: (tree / "etc/nftables.conf").chmod(0o4755), "etc/nftables.conf has the permissions 4755"),
        (lambda tree: (tree / "etc/nftables.conf").chmod(0o666), "etc/nftables.conf has the permissions 0666"),
        (lambda tree: make_tree(tree, {"var/lib/kotoba/applied/1/x": ""}), "var/lib/kotoba lies where no settings do"),
        (
            lambda tree: make_tree(tree, {"etc/kotoba/credentials/mqtt": "x"}),
            "etc/kotoba/credentials/mqtt is a secret with the permissions",
        ),
        (lambda tree: make_tree(tree, {"etc/big": "x" * 1_000_001}), "etc/big cannot be read"),
    ],
)
def test_a_tree_that_is_none_is_refused(root: Path, first: Path, harm: object, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = files_of(root)
    assert callable(harm)
    harm(first)
    assert apply(root, first, "--yes") == 1
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert files_of(root) == before


def test_wrong_usage_is_said(root: Path, first: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert apply(root) == 2
    assert apply(root, first, "--back") == 2
    assert apply(root, first, "--yes", "--restart") == 2
    assert apply(root, tmp_path / "nowhere", "--yes") == 1
    assert apply(root, tmp_path, "--root", tmp_path / "nowhere") == 1
    assert capsys.readouterr().err.count("kotoba-config: ") == 5


def test_rendered_boxes_are_applied_one_after_the_other_and_taken_back(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "etc/group").write_text("root:x:0:\n")
    before = files_of(root)
    trees = [each / "tree" for each in sorted(GOLDEN_BOXES.iterdir())]
    assert len(trees) > 1
    for tree in trees:
        assert apply(root, tree, "--yes") == 0
        assert files_of(root) == before | files_of(tree)
    said = capsys.readouterr().out
    assert "systemctl enable kotoba-firewall.service" in said
    assert "not shown" not in said, "a rendered tree holds no secret"
    for files in [*(files_of(tree) for tree in reversed(trees[:-1])), {}]:
        assert apply(root, "--back", "--yes") == 0
        assert files_of(root) == before | files


def test_what_an_interrupted_apply_has_changed_is_told_to_the_system_by_the_next(
    root: Path, first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    apply(root, first, "--yes")
    with opened_records(root.resolve()) as records:  # as a kill leaves it, decided and not done
        (records.folder / "1").rename(records.folder / PENDING)
    (root / "etc/nftables.conf").write_text("# of the distribution\n")
    capsys.readouterr()
    assert apply(root, first, "--yes") == 0
    said = capsys.readouterr()
    assert "was interrupted: it is finished now" in said.err
    assert "nothing to write" in said.out
    assert "systemctl restart kotoba-edge.service" in said.out
    assert files_of(root) == FIRST


def test_a_file_in_the_way_of_a_folder_is_told(root: Path, first: Path) -> None:
    (root / "etc/kotoba").write_text("")
    options = argparse.Namespace(tree=first, root=root, back=False, yes=True, overwrite=False, restart=False)
    with pytest.raises(ApplyError, match="etc/kotoba is no folder: take it away"):
        apply_tree(options, ask=None)
