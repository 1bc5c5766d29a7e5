"""Teaching a small product, from good pictures to a signed bundle: whole, interrupted, and where pictures or the disk refuse."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import edge.cli
import export.cli
from export.errors import BuildError, ExportError, SpecError
from export.teach.run import run
from export.teach.weights import SPEC_NAME
from firmware_config.board import read_board
from firmware_config.exit_codes import DONE, FAILED
from tests.support.repository import ROOT
from tests.support.tiny_bundle import is_one_sentence
from tests.support.tiny_teaching import tiny_plan, write_tiny_teaching

TEACH = [sys.executable, "-m", "tests.support.tiny_teaching"]
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}
"""Sums of several threads may differ in their last bits."""
KILLED_IN = ("painted", "tail 1", "eye", "described", "judges")
SMALL_DISK = 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"'


def teach(folder: Path, *, until: str | None = None) -> list[str]:
    """Teach in a process of its own, killed as soon as the stage `until` begins; returns its lines of progress."""
    said = []
    with subprocess.Popen([*TEACH, str(folder)], cwd=ROOT, env=ONE_THREAD, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line.rstrip())
            if line == f"stage {until}: begins\n":
                process.kill()
                break
    assert process.returncode == (DONE if until is None else -9), said
    return [line for line in said if line.startswith("stage ")]


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The folder of a product that was taught without interruption, and its lines of progress."""
    folder = tmp_path_factory.mktemp("taught") / "bolts"
    write_tiny_teaching(folder)
    return folder, teach(folder)


class _Page(HTMLParser):
    """The elements and the text of a page, and where its pictures come from."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements, self.sources, self.text = set[str](), list[str](), ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.sources += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_data(self, data: str) -> None:
        self.text += re.sub(r"\s+", " ", data)


@pytest.mark.long
def test_a_taught_product_is_a_bundle_that_verifies_and_inspects(
    taught: tuple[Path, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, said = taught
    bundle, keys = folder / "out/bolts", folder / "keys"
    begun = [line.removeprefix("stage ").removesuffix(": begins") for line in said if line.endswith(": begins")]
    eye = ["painted", "front", "tail 1", "painted for the words", "front for the words", "eye"]
    assert begun == [*eye, "memory", "described", "tuned 1", "tuned 2", "judges", "bundle"]

    assert export.cli.main(["verify", str(bundle), "--keys", str(keys)]) == DONE, capsys.readouterr()
    lines = tmp_path / "lines.jsonl"
    station = bundle / "stations/default.toml"
    pictures = [str(path) for path in sorted((bundle / "golden").glob("*.png"))]
    arguments = ["inspect", *pictures, "--station", str(station), "--jsonl", str(lines), "--bundle", str(bundle), "--keys", str(keys)]
    assert edge.cli.main(arguments) == DONE, capsys.readouterr()
    inspections = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    assert len(inspections) == len(pictures) >= 6
    good = [one["decision"] for one in inspections if one["source"].startswith("good")]
    assert set(good) <= {"OK", "NG", "REVIEW"}


@pytest.mark.long
def test_the_page_of_a_taught_product_stands_alone_and_shows_pictures_words_and_figures(taught: tuple[Path, list[str]]) -> None:
    folder, _ = taught
    page = _Page((folder / "out/bolts.html").read_text(encoding="utf-8"))
    assert not page.elements & {"script", "link", "iframe", "object"}
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.sources)
    figures = json.loads(next((folder / "cache").glob("judges-*/figures.json")).read_text())
    for text in (
        "学習結果", "scratch", "傷", "stain", "汚れ", "intact bolt", "正常なボルト", "16", str(folder / "good"),
        f"{figures['judge_auroc']:.3f}", f"{figures['linear_auroc']:.3f}", "of 4", "What painted checks can tell, and what they cannot",
        "are they really good?", "no labelled pictures", "tuned 2",
    ):  # fmt: skip
        assert text in page.text, text
    painted, good, checks, farthest = 9, 4, 2, 8
    assert len(page.sources) >= painted + good + checks + farthest


@pytest.mark.slow
def test_teaching_that_is_killed_five_times_goes_on_and_gives_the_same_bundle(taught: tuple[Path, list[str]], tmp_path: Path) -> None:
    whole, _ = taught
    folder = tmp_path / "bolts"
    write_tiny_teaching(folder)
    shutil.copytree(whole / "keys", folder / "keys")

    said = [line for stage in KILLED_IN for line in teach(folder, until=stage)]
    last = teach(folder)

    begun = [line for line in said + last if line.endswith(": begins")]
    for stage in ("front", "memory", "tuned 1", "tuned 2", "bundle"):
        assert begun.count(f"stage {stage}: begins") == 1
    for stage in KILLED_IN:
        assert begun.count(f"stage {stage}: begins") == 2
    assert {f"stage {stage}: kept from an earlier run" for stage in (*KILLED_IN[:-1], "front", "memory", "tuned 1", "tuned 2")} <= set(last)
    for name in ("manifest.json", "manifest.sig"):
        assert (folder / "out/bolts" / name).read_bytes() == (whole / "out/bolts" / name).read_bytes()


def _again(whole: Path, folder: Path) -> Path:
    """The same specification and pictures elsewhere, to be taught with the stages that `whole` kept."""
    shutil.copytree(whole, folder, ignore=shutil.ignore_patterns("cache", "out"))
    return folder


@pytest.mark.long
@pytest.mark.parametrize(("picture", "kind"), [("003.png", SpecError), ("019.png", BuildError)], ids=["painted on", "held out"])
def test_a_picture_that_vanishes_after_the_plan_is_named_in_one_sentence(
    taught: tuple[Path, list[str]], tmp_path: Path, picture: str, kind: type[ExportError]
) -> None:
    whole, _ = taught
    folder = _again(whole, tmp_path / "bolts")
    plan = tiny_plan(folder)
    (folder / "good" / picture).unlink()

    with pytest.raises(kind) as refused:
        run(plan, out=tmp_path / "out", key=folder / "key", cache=whole / "cache", board=read_board("cpu"), report=lambda _: None)

    assert str(folder / "good") in str(refused.value)
    assert picture in str(refused.value)
    assert is_one_sentence(str(refused.value))
    assert not (tmp_path / "out").exists()


@pytest.mark.long
def test_what_was_taught_is_built_again_elsewhere_to_the_same_digest(taught: tuple[Path, list[str]], tmp_path: Path) -> None:
    whole, _ = taught
    shutil.copytree(whole / "weights", tmp_path / "elsewhere")

    build = ["build", str(tmp_path / "elsewhere" / SPEC_NAME), "--out", str(tmp_path / "bolts"), "--cache", str(tmp_path / "cache")]
    command = [sys.executable, "-m", "export.cli", *build, "--key", str(whole / "keys/builder.key")]
    done = subprocess.run(command, cwd=ROOT, env=ONE_THREAD, capture_output=True, text=True, timeout=280, check=False)

    assert done.returncode == DONE, done.stderr
    files = {path.relative_to(tmp_path / "bolts"): path.read_bytes() for path in (tmp_path / "bolts").rglob("*") if path.is_file()}
    taught_files = whole / "out/bolts"
    assert files == {path.relative_to(taught_files): path.read_bytes() for path in taught_files.rglob("*") if path.is_file()}


@pytest.mark.long
def test_what_was_taught_names_no_place_of_this_machine(taught: tuple[Path, list[str]]) -> None:
    whole, _ = taught
    for path in (whole / "weights").rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert [place for place in (whole, ROOT, Path.home(), Path(sys.prefix)) if str(place).encode() + b"/" in content] == [], path


@pytest.mark.parametrize(
    ("entry", "what"), [("notes.txt", "holds notes.txt"), ("golden", "holds no build.toml")], ids=["other files", "half a folder"]
)
def test_a_folder_that_no_teaching_wrote_is_refused_before_anything_is_taught(
    entry: str, what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_tiny_teaching(tmp_path / "bolts")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / entry).write_text("mine")

    out = ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    code = export.cli.main(["teach", str(path), *out, "--weights", str(tmp_path / "weights")])

    sentence = capsys.readouterr().err.removeprefix("kotoba-export: ").rstrip("\n")
    assert code == FAILED
    assert f"{tmp_path}/weights exists and {what}" in sentence
    assert is_one_sentence(sentence)
    assert not (tmp_path / "cache").exists()
    assert (tmp_path / "weights" / entry).read_text() == "mine"


def test_a_folder_of_other_files_is_refused_before_anything_is_taught(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_tiny_teaching(tmp_path / "bolts")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/notes.txt").write_text("mine")

    code = export.cli.main(["teach", str(path), "--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")])

    sentence = capsys.readouterr().err.removeprefix("kotoba-export: ").rstrip("\n")
    assert code == FAILED
    assert f"{tmp_path}/out exists and is no bundle" in sentence
    assert is_one_sentence(sentence)
    assert not (tmp_path / "cache").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("size", "stage"), [("64k", "painted"), ("300k", "front"), ("2m", "tail 1"), ("8m", "eye")])
def test_a_full_disk_is_one_sentence_that_names_the_stage(tmp_path: Path, size: str, stage: str) -> None:
    mount = ["unshare", "--mount", "--map-root-user", "sh", "-c", SMALL_DISK, "sh", size]
    folder, cache = tmp_path / "bolts", tmp_path / "cache"
    write_tiny_teaching(folder)
    cache.mkdir()

    done = subprocess.run(
        [*mount, str(cache), *TEACH, str(folder), "--cache", str(cache)],
        cwd=ROOT, env=ONE_THREAD, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip

    assert done.returncode == FAILED, done.stderr
    sentence = done.stderr.splitlines()[-1]
    assert sentence.startswith(f"kotoba-export: teaching, stage {stage}: {cache}"), done.stderr
    assert "No space left on device" in sentence
    assert is_one_sentence(sentence)
    assert "Traceback" not in done.stderr
