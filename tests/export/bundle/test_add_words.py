from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.bundle.open import open_bundle, open_trusted_bundle
from edge.describers import open_vision_models
from edge.errors import BundleError
from edge.picture.decode import read_picture
from export import cli
from export.bundle.build import build
from export.cache import Cache
from export.spec import read_spec
from firmware_config.board import Board
from firmware_config.signature import read_trusted_keys
from firmware_config.station import Describe, read_station
from tests.support.sample_records import frame
from tests.support.tiny_bundle import everything_below, is_one_sentence
from tests.support.tiny_spec import write_spec

BOARD = Board(name="test", providers=("cpu",), threads=1)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bundle of version 3 and the keys it is signed with."""
    folder = tmp_path_factory.mktemp("add_words")
    spec = read_spec(write_spec(folder / "spec"))
    build(
        spec,
        out=folder / "bundle",
        key=folder / "keys/builder.key",
        cache=Cache(folder / "cache"),
        archive=False,
        board=BOARD,
        report=lambda _: None,
    )
    (folder / "rust.tsv").write_text("rust\tさび\nred rust on the busbar\t\n", encoding="utf-8")
    (folder / "known.txt").write_text("intact cell\n")
    return folder


def arguments(work: Path, out: Path, *words: str, bundle: str = "bundle") -> list[str]:
    keys = ["--keys", str(work / "keys"), "--key", str(work / "keys/builder.key")]
    return ["vocabulary", str(work / bundle), "--out", str(out), *keys, *words]


def test_words_are_added_and_the_bundle_is_the_next_version(work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = everything_below(work / "bundle")
    assert cli.main(arguments(work, tmp_path / "more", "--tags", str(work / "rust.tsv"))) == 0
    assert "version 4, " in capsys.readouterr().out
    assert everything_below(work / "bundle") == before
    trusted = read_trusted_keys(work / "keys")
    old, new = (open_bundle(path, trusted=trusted) for path in (work / "bundle", tmp_path / "more"))
    words = [bundle.text(bundle.manifest.describer.clip.tags.words).splitlines() for bundle in (old, new)]
    assert words[1] == [*words[0], "rust", "red rust on the busbar"]
    translations = new.text(new.manifest.describer.clip.tags.translations["ja"]).split("\n")
    assert translations[: len(words[0]) + 2] == [*[""] * len(words[0]), "さび", ""]
    assert (new.manifest.bundle_version, new.manifest.describer.clip.attributes) == (4, old.manifest.describer.clip.attributes)
    listed = {file.path: file.sha256 for file in new.manifest.files}
    bom = json.loads((new.root / "sbom.json").read_bytes())
    told = {component["name"]: component["hashes"][0]["content"] for component in bom["components"]}
    assert told["clip/tags.npy"] == listed["clip/tags.npy"]
    assert cli.main(["verify", str(tmp_path / "more"), "--keys", str(work / "keys")]) == 0


def test_words_may_be_added_to_a_bundle_in_its_own_folder(work: Path, tmp_path: Path) -> None:
    assert cli.main(arguments(work, tmp_path / "more", "--tags", str(work / "rust.tsv"))) == 0
    assert cli.main(arguments(work, tmp_path / "more", "--attributes", str(work / "rust.tsv"), bundle=str(tmp_path / "more"))) == 0
    assert open_trusted_bundle(tmp_path / "more", keys=work / "keys").manifest.bundle_version == 5
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("unfit", ["a known word", "no file", "an untrusted bundle"])
def test_words_that_cannot_be_added_are_refused_in_one_sentence(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], unfit: str
) -> None:
    words = {"a known word": "known.txt", "no file": "nowhere.txt", "an untrusted bundle": "rust.tsv"}[unfit]
    wanted = arguments(work, tmp_path / "more", "--tags", str(work / words))
    if unfit == "an untrusted bundle":
        (tmp_path / "keys").mkdir()
        wanted[wanted.index("--keys") + 1] = str(tmp_path / "keys")
    assert cli.main(wanted) in {1, 78}
    said = capsys.readouterr().err
    assert is_one_sentence(said.strip().removeprefix("kotoba-export: ")), said
    assert not (tmp_path / "more").exists()


def test_a_station_may_add_a_handful_of_words_by_itself(work: Path, tmp_path: Path) -> None:
    assert cli.main(arguments(work, tmp_path / "more", "--tags", str(work / "rust.tsv"))) == 0
    trusted = read_trusted_keys(work / "keys")
    old, new = (open_bundle(path, trusted=trusted) for path in (work / "bundle", tmp_path / "more"))
    everything = {"tags": 32, "attributes": 1, "samples": 0, "max_tokens": 2}
    picture = frame("one.png", pixels=read_picture(old.root / "golden/one.png", max_pixels=10**6, max_bytes=10**7))
    vision = open_vision_models(old, board=BOARD)
    plain = vision.describer(Describe(**everything)).describe(picture)
    by_station = vision.describer(Describe(**everything, extra_tags=("rust", "red rust on the busbar"))).describe(picture)
    by_bundle = open_vision_models(new, board=BOARD).describer(Describe(**everything)).describe(picture)
    assert by_station.words.tags == by_bundle.words.tags
    assert "rust" in {tag.word for tag in by_station.words.tags}
    assert "rust" not in {tag.word for tag in plain.words.tags}

    for extra, said in (("intact cell", "is already in the bundle's"), (" ".join("a" * 20), "the text tower takes at most 16")):
        with pytest.raises(BundleError, match=said):
            vision.describer(Describe(extra_tags=(extra,)))


def test_a_station_file_with_a_word_twice_is_refused(work: Path, tmp_path: Path) -> None:
    station = tmp_path / "station.toml"
    text = (work / "spec/golden/station.toml").read_text()
    station.write_text(text.replace("[describe]", '[describe]\nextra_tags = ["rust", "rust"]'))
    with pytest.raises(Exception, match="'rust' is listed twice"):
        read_station(station)
