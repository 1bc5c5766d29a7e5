"""Proof of a bundle with the code that will run it: opened as a box opens it, and its golden pictures described and judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from edge.bundle.archive import SUFFIX, pack, unpack
from edge.bundle.open import Bundle, digest_of, open_bundle
from edge.cameras import open_camera
from edge.describers import open_vision_models
from edge.errors import EdgeError
from edge.judges import open_language_model, open_station_judge
from edge.picture.roi import crop
from edge.records import Description, Frame, Scores
from export.errors import BuildError
from export.proof.figures import Measured, agreement, edit_distance, max_difference
from export.spec import STATION_NAME
from firmware_config.board import Board
from firmware_config.bundle import MANIFEST_NAME, Golden, Manifest, parse_manifest
from firmware_config.cameras import FolderCamera
from firmware_config.errors import ConfigError
from firmware_config.station import Station, read_station

PROBABILITY_DIGITS = 4

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Compared:
    """A golden verdict beside the one that was given now."""

    expected: Golden
    label: str
    probability: float

    @property
    def same(self) -> bool:
        """The same label, and its probability within the tolerance."""
        return self.label == self.expected.label and abs(self.probability - self.expected.probability) <= self.expected.tolerance


@contextmanager
def opened(path: Path, *, trusted: Mapping[str, bytes]) -> Iterator[Bundle]:
    """Open a bundle's folder, or its archive by way of a temporary folder.

    Raises:
        BuildError: it is not to be trusted.
    """
    try:
        if path.suffix != SUFFIX or path.is_dir():
            yield open_bundle(path, trusted=trusted)
            return
        with TemporaryDirectory(prefix="kotoba-") as scratch:
            yield unpack(path, Path(scratch) / "bundle", trusted=trusted)
    except EdgeError as err:
        raise BuildError(str(err)) from err


def write_archive(root: Path, archive: Path) -> None:
    """Write the archive of a bundle's folder."""
    pack(root, parse_manifest((root / MANIFEST_NAME).read_bytes()), archive)


def compare(bundle: Bundle, *, board: Board, say: Say) -> tuple[Compared, ...]:
    """Judge every golden picture again.

    Raises:
        BuildError: a picture cannot be read or judged.
    """
    golden = bundle.manifest.golden
    now = _verdicts(bundle, [expected.picture for expected in golden], board=board, say=say)
    return tuple(Compared(expected, *verdict) for expected, verdict in zip(golden, now, strict=True))


def golden_verdicts(root: Path, manifest: Manifest, pictures: Sequence[str], *, board: Board, say: Say) -> tuple[Golden, ...]:
    """Judge pictures with a bundle that is still being built, `manifest` being all of it but the golden verdicts.

    Raises:
        BuildError: a picture cannot be read or judged.
    """
    verdicts = _verdicts(Bundle(root, manifest, digest_of(b"")), pictures, board=board, say=say)
    return tuple(
        Golden(picture=picture, label=label, probability=round(probability, PROBABILITY_DIGITS))
        for picture, (label, probability) in zip(pictures, verdicts, strict=True)
    )


def whole_chain(
    roots: tuple[Path, Path], manifest: Manifest, pictures: Sequence[str], *, quantisation: str, board: Board, say: Say
) -> tuple[Measured, ...]:
    """Pictures described and judged by models as they came and as they were made: the words, the judge on the same words, and verdicts.

    `roots` are two folders of the one manifest that differ in their graphs and language model only: as they came, as they were made. The
    judge's own figures are of its GGUF; for its graph see `graph_for_gguf`.

    Raises:
        BuildError: a picture cannot be read or judged.
    """
    original, made = Bundle(roots[0], without_graph(manifest), digest_of(b"")), Bundle(roots[1], manifest, digest_of(b""))
    gguf = replace(made, manifest=original.manifest)
    before = tuple(_judged(original, pictures, board=board, say=say))
    words = [description for description, _ in before]
    after = tuple(_judged(made, pictures, board=board, say=say))
    same_words = _judged(gguf, pictures, board=board, say=say, words=words)
    one, other, judge = ([scores.probabilities for _, scores in part] for part in (before, after, same_words))
    return (
        Measured("words.tags", "overlap", "bundle", _mean(map(_shared, words, [words for words, _ in after]))),
        Measured("words.captions", "edit_distance", "bundle", _mean(map(_apart, words, [words for words, _ in after]))),
        Measured("judge", "agreement", quantisation, agreement(np.array(one), np.array(judge))),
        Measured("judge", "probability", quantisation, max_difference(np.array(one), np.array(judge))),
        Measured("verdict", "agreement", "bundle", agreement(np.array(one), np.array(other))),
        Measured("verdict", "probability", "bundle", max_difference(np.array(one), np.array(other))),
    )


def graph_for_gguf(
    root: Path, manifest: Manifest, pictures: Sequence[str], *, precision: str, board: Board, say: Say
) -> tuple[Measured, ...]:
    """The language model's graph against the GGUF that it was written of, on the same words.

    Raises:
        BuildError: a picture cannot be read or judged.
    """
    made = Bundle(root, manifest, digest_of(b""))
    judged = list(_judged(made, pictures, board=board, say=say))
    gguf = _judged(replace(made, manifest=without_graph(manifest)), pictures, board=board, say=say, words=[words for words, _ in judged])
    one, other = (np.array([scores.probabilities for _, scores in part]) for part in (gguf, judged))
    return (
        Measured("judge.graph", "agreement", precision, agreement(one, other)),
        Measured("judge.graph", "probability", precision, max_difference(one, other)),
    )


def without_graph(manifest: Manifest) -> Manifest:
    """The manifest of a bundle whose GGUF judges."""
    return manifest.model_copy(update={"llm": manifest.llm.model_copy(update={"graph": None})})


def _shared(one: Description, other: Description) -> float:
    """Share of tags and attributes that both have."""
    a, b = ({tag.word for tag in (*said.words.tags, *said.words.attributes)} for said in (one, other))
    return len(a & b) / max(len(a), len(b), 1)


def _apart(one: Description, other: Description) -> float:
    """Mean edit distance of the captions, in words."""
    pairs = zip_longest(one.words.captions, other.words.captions, fillvalue="")
    return _mean(edit_distance(a.split(), b.split()) for a, b in pairs)


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / max(1, len(listed))


def _verdicts(bundle: Bundle, pictures: Sequence[str], *, board: Board, say: Say) -> Iterator[tuple[str, float]]:
    """Label and probability of each picture, made as the golden station says."""
    for _, scores in _judged(bundle, pictures, board=board, say=say):
        best = max(range(len(scores.labels)), key=scores.probabilities.__getitem__)
        yield scores.labels[best], scores.probabilities[best]


def _judged(
    bundle: Bundle, pictures: Sequence[str], *, board: Board, say: Say, words: Sequence[Description] = ()
) -> Iterator[tuple[Description, Scores]]:
    """Words and scores of each picture, made as the golden station says; with `words`, scores of these words."""
    try:
        station = read_station(bundle.path(f"golden/{STATION_NAME}"))
        say("loading the models")
        describer = None if words else open_vision_models(bundle, board=board).describer(station.describe)
        model = open_language_model(bundle, board=board)
        judge = open_station_judge(model, bundle=bundle, station=station)
        for number, picture in enumerate(pictures):
            say(f"judging golden pictures {number + 1}/{len(pictures)}")
            seen = describer.describe(_frame(bundle.path(picture), station)) if describer is not None else words[number]
            yield seen, judge.score(seen.words)
    except (EdgeError, ConfigError) as err:
        msg = f"judging the golden pictures of bundle {bundle.manifest.name}: {err}"
        raise BuildError(msg) from err


def _frame(picture: Path, station: Station) -> Frame:
    settings = FolderCamera(kind="folder", path=picture.parent, pattern=picture.name)
    with closing(open_camera(settings, station=station.station.name)) as camera:
        frame = next(camera.frames(), None)
    if not isinstance(frame, Frame):
        msg = f"golden picture {picture} cannot be read ({frame.detail if frame else 'it is not there'}): replace it"
        raise BuildError(msg)
    return frame if station.picture.roi is None else replace(frame, pixels=crop(frame.pixels, station.picture.roi))
