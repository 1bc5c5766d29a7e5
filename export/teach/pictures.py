"""The pictures of a specification: found, counted, decoded and compared, so that a mistake shows before any long work."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from glob import has_magic
from pathlib import Path

from edge.picture.decode import MAX_BYTES, PictureError, decode_picture, read_file
from edge.picture.text_detection import has_printed_text
from export.errors import SpecError
from export.products.canvases import require_size
from export.products.product import Product
from export.progress import Report
from export.teach.spec import TeachSpec
from firmware_config.cameras import PICTURE_SUFFIXES

LEAST_GOOD, MOST_GOOD = 20, 2_000
"""Good pictures of a domain, and of all of them: fewer show too little of what is good, more take long and add nothing."""
TAILS, WORDS = 0.5, 0.2
"""Parts of a domain's training pictures on which is painted for the tails and for the words; the rest is for the judge."""
MOST_PRINTED = 0.25
"""The share of good pictures in which the box may see print by mistake."""
REPORT_EVERY = 20


@dataclass(frozen=True, slots=True)
class Domain:
    """Good pictures that were taken alike: of one line, camera or batch. The held-out ones train nothing.

    What is painted for one stage stands on other pictures than what is painted for the next: the tails know the pictures that they learned
    from by heart and find each of them intact, so words that were learned from these would be wrong of every other.
    """

    name: str
    for_tails: tuple[Path, ...]
    for_words: tuple[Path, ...]
    for_judge: tuple[Path, ...]
    held_out: tuple[Path, ...]

    @property
    def training(self) -> tuple[Path, ...]:
        """All that are not held out, in the order of their names."""
        return (*self.for_tails, *self.for_words, *self.for_judge)

    @property
    def paths(self) -> tuple[Path, ...]:
        """All of them, in the order of their names."""
        return (*self.training, *self.held_out)


@dataclass(frozen=True, slots=True)
class FoundPictures:
    """Every picture of a specification, each of which can be decoded. `sizes` are (width, height). `left_out` good ones are too many."""

    domains: tuple[Domain, ...]
    labelled: Mapping[str, tuple[Path, ...]]
    unlabelled: tuple[Path, ...]
    sizes: tuple[tuple[int, int], ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class _Seen:
    path: Path
    size: tuple[int, int]
    digest: str
    printed_text: bool


def find_pictures(spec: TeachSpec, product: Product, report: Report) -> FoundPictures:
    """Find the pictures, decode each, and compare them.

    Raises:
        SpecError: a folder is missing, empty or holds too few; a picture cannot be decoded or has a size that is not allowed; sizes are
            mixed; or the same picture is there twice.
    """
    folders = _good_folders(spec)
    taken = _at_most(folders, MOST_GOOD)
    labelled = {label: _labelled(spec, label, places) for label, places in spec.pictures.labelled.items()}
    unlabelled = tuple(path for place in spec.pictures.unlabelled for path in _unlabelled(spec, place))
    groups = [(f"good ({name})", paths) for name, paths in taken.items()]
    groups += [(f"labelled {label!r}", paths) for label, paths in labelled.items()]
    counted = sum(len(paths) for _, paths in groups) + len(unlabelled)
    seen = _Reading(spec, product, report, counted)
    read = [(group, seen.read(paths)) for group, paths in groups]
    others = seen.read(unlabelled)
    _require_no_picture_twice(spec, read)
    _require_no_print(spec, product, [one for _, group in read[: len(taken)] for one in group])
    everything = [one for _, group in read for one in group] + others
    sizes = _require_one_size(spec, everything)
    return FoundPictures(
        domains=tuple(_split(name, paths, spec.held_out) for name, paths in taken.items()),
        labelled=labelled,
        unlabelled=unlabelled,
        sizes=sizes,
        left_out=sum(map(len, folders.values())) - sum(map(len, taken.values())),
    )


def _good_folders(spec: TeachSpec) -> dict[str, tuple[Path, ...]]:
    """The pictures of each domain, by the name of its folder."""
    found: dict[str, tuple[Path, ...]] = {}
    for folder in spec.pictures.good:
        _require_folder(spec, "pictures.good", folder)
        inside = {str(place): paths for place in _folders(folder) if (paths := _pictures(place))}
        if not inside:
            wanted = f"{LEAST_GOOD} to {MOST_GOOD:,} pictures of good parts"
            msg = f"{_of(spec)}: the folder of good pictures {folder} holds none, nor does a folder below it: put {wanted} there"
            raise SpecError(msg)
        twice = next((place for place in inside if place in found), None)
        if twice is not None:
            msg = f"{_of(spec)}: pictures.good names the folder {twice} twice: name it once"
            raise SpecError(msg)
        found |= inside
    for name, paths in found.items():
        if len(paths) < LEAST_GOOD:
            msg = (
                f"{_of(spec)}: the folder of good pictures {name} holds {len(paths)}, and a domain needs at least {LEAST_GOOD}: "
                "add pictures of good parts, or put them into the folder of another domain"
            )
            raise SpecError(msg)
    return found


def _folders(folder: Path) -> Iterator[Path]:
    yield folder
    for child in sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink() and not path.name.startswith(".")):
        yield from _folders(child)


def _pictures(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(path for path in folder.iterdir() if _is_picture(path)))


def _is_picture(path: Path) -> bool:
    return path.suffix.lower().lstrip(".") in PICTURE_SUFFIXES and path.is_file() and not path.name.startswith(".")


def _at_most(folders: Mapping[str, tuple[Path, ...]], most: int) -> dict[str, tuple[Path, ...]]:
    """Take at most so many pictures in all: small domains whole, large ones evenly spaced in the order of their names."""
    taken, left = dict[str, tuple[Path, ...]](), most
    by_size = sorted(folders, key=lambda name: len(folders[name]))
    for number, name in enumerate(by_size):
        paths = folders[name]
        count = min(len(paths), left // (len(by_size) - number))
        taken[name] = tuple(paths[index * len(paths) // count] for index in range(count))
        left -= count
    return {name: taken[name] for name in folders}


def _split(name: str, paths: Sequence[Path], held_out: float) -> Domain:
    """Hold out the last pictures of a domain as one block: neighbours are alike, and must not stand on both sides."""
    training = len(paths) - max(1, round(held_out * len(paths)))
    tails, words = round(TAILS * training), round((TAILS + WORDS) * training)
    return Domain(name, tuple(paths[:tails]), tuple(paths[tails:words]), tuple(paths[words:training]), tuple(paths[training:]))


def _labelled(spec: TeachSpec, label: str, places: Iterable[Path]) -> tuple[Path, ...]:
    """The pictures of a label, from folders and patterns."""
    found: list[Path] = []
    for place in places:
        if has_magic(place.name):
            _require_folder(spec, f"pictures.labelled {label!r}", place.parent)
            inside = tuple(path for path in _pictures(place.parent) if fnmatchcase(path.name, place.name))
        else:
            _require_folder(spec, f"pictures.labelled {label!r}", place)
            inside = _pictures(place)
        if not inside:
            msg = f"{_of(spec)}: pictures.labelled {label!r}: {place} holds no picture: correct the path, or leave the label out"
            raise SpecError(msg)
        found += inside
    return tuple(dict.fromkeys(found))


def _unlabelled(spec: TeachSpec, folder: Path) -> tuple[Path, ...]:
    _require_folder(spec, "pictures.unlabelled", folder)
    inside = tuple(path for place in _folders(folder) for path in _pictures(place))
    if not inside:
        msg = f"{_of(spec)}: the folder of unlabelled pictures {folder} holds no picture: correct the path, or leave it out"
        raise SpecError(msg)
    return inside


class _Reading:
    """Decodes pictures, and says how far it is."""

    def __init__(self, spec: TeachSpec, product: Product, report: Report, count: int) -> None:
        self._spec, self._product, self._report, self._count = spec, product, report, count
        self._done = 0

    def read(self, paths: Iterable[Path]) -> list[_Seen]:
        """Decode pictures.

        Raises:
            SpecError: one cannot be decoded, or has a size that the product does not allow.
        """
        return [self._read(path) for path in paths]

    def _read(self, path: Path) -> _Seen:
        try:
            raw = read_file(path, max_bytes=MAX_BYTES)
            pixels = decode_picture(raw, name=str(path))
        except PictureError as err:
            msg = f"{_of(self._spec)}: {err}"
            raise SpecError(msg) from err
        height, width = pixels.shape[:2]
        require_size(self._product, path, width=width, height=height)
        self._done += 1
        if self._done % REPORT_EVERY == 0:
            self._report(f"reading {self._done} of {self._count} pictures")
        return _Seen(path, (width, height), hashlib.sha256(raw).hexdigest(), has_printed_text(pixels))


def _require_folder(spec: TeachSpec, key: str, folder: Path) -> None:
    if not folder.is_dir():
        msg = f"{_of(spec)}: {key} names {folder}, which is no folder: correct the path"
        raise SpecError(msg)


def _require_no_print(spec: TeachSpec, product: Product, good: Sequence[_Seen]) -> None:
    """A part that carries print must be said to do so, or no picture of it could be OK."""
    printed = [one for one in good if one.printed_text]
    if not product.printed_text and len(printed) > MOST_PRINTED * len(good):
        msg = (
            f"{_of(spec)}: {len(printed)} of {len(good)} pictures of good parts, such as {printed[0].path}, show what looks like print, "
            f"which is never OK: say printed_text = true in {product.name}'s product.toml if the parts carry print, codes or the like"
        )
        raise SpecError(msg)


def _require_no_picture_twice(spec: TeachSpec, groups: Iterable[tuple[str, Sequence[_Seen]]]) -> None:
    """No picture may be in two groups: what teaches would also examine, or it would have two labels."""
    known: dict[str, tuple[str, Path]] = {}
    for group, pictures in groups:
        for one in pictures:
            other, path = known.setdefault(one.digest, (group, one.path))
            if other != group:
                msg = f"{_of(spec)}: the same picture is in {other} as {path} and in {group} as {one.path}: leave it in one of them"
                raise SpecError(msg)


def _require_one_size(spec: TeachSpec, pictures: Sequence[_Seen]) -> tuple[tuple[int, int], ...]:
    """The sizes that there are, the first one first."""
    first_of = {one.size: one.path for one in reversed(pictures)}
    sizes = tuple(dict.fromkeys(one.size for one in pictures))
    if len(sizes) > 1 and not spec.pictures.scale:
        (width, height), (other_width, other_height) = sizes[:2]
        msg = (
            f"{_of(spec)}: sizes are mixed, picture {first_of[sizes[0]]} is {width}x{height} pixels and {first_of[sizes[1]]} is "
            f"{other_width}x{other_height}: give pictures of one size, or say [pictures] scale = true"
        )
        raise SpecError(msg)
    return sizes


def _of(spec: TeachSpec) -> str:
    return f"teaching {spec.name}"
