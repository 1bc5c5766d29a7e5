"""Where pictures come from: a folder tree, a CSV, or a specification that names several of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError, model_validator

from export.texts.errors import TextsError
from export.texts.folder import pictures_of_folder
from export.texts.picture import Picture, Split
from export.texts.table import pictures_of_table
from firmware_config.errors import first_mistake
from firmware_config.strict import STRICT, read_values
from firmware_config.toml import read_toml


class Pictures(BaseModel):
    """One source: `folder` or `csv`, relative to the specification; `domain` and `split` replace those of all its pictures."""

    model_config = STRICT
    folder: Path | None = None
    csv: Path | None = None
    root: Path | None = Field(default=None, description="The folder that the paths of the CSV are relative to.")
    domain: str | None = Field(default=None, min_length=1)
    split: Split | None = None

    @model_validator(mode="after")
    def _names_one(self) -> Pictures:
        if (self.folder is None) is (self.csv is None) or (self.root is not None and self.csv is None):
            msg = "name either a folder, or a csv and perhaps its root"
            raise ValueError(msg)
        return self


class TextsSpec(BaseModel):
    """The specification of a text data set: its name, sources, and other names for labels."""

    model_config = STRICT
    name: str = Field(min_length=1, max_length=100)
    about: str = Field(default="", max_length=2_000, description="What the pictures are and who may use them, for the card.")
    pictures: tuple[Pictures, ...] = Field(min_length=1)
    labels: dict[str, str] = Field(default={}, description="Label of the pictures to label of the data set.")


def read_sources(given: Path) -> tuple[TextsSpec, list[Picture]]:
    """Read what was given: a .toml is a specification, a .csv a table, everything else a folder tree.

    Raises:
        TextsError: something is not there or wrong, or two pictures have the same name.
    """
    suffix = given.suffix.lower()
    if suffix == ".toml" and not given.is_dir():
        spec = _read_spec(given)
        pictures = [picture for one in spec.pictures for picture in _pictures(one, given.parent)]
    elif suffix == ".csv" and not given.is_dir():
        spec, pictures = TextsSpec(name=given.stem, pictures=(Pictures(csv=Path(given.name)),)), pictures_of_table(given)
    else:
        pictures = pictures_of_folder(given)
        spec = TextsSpec(name=given.resolve().name or "pictures", pictures=(Pictures(folder=Path()),))
    _require_distinct(pictures, given)
    named = [
        picture if picture.label is None else replace(picture, label=spec.labels.get(picture.label, picture.label)) for picture in pictures
    ]
    unused = sorted(set(spec.labels) - {picture.label for picture in pictures if picture.label is not None})
    if unused:
        msg = f"specification {given}: [labels] renames {unused[0]!r}, which no picture has: correct or delete it"
        raise TextsError(msg)
    return spec, named


def _read_spec(path: Path) -> TextsSpec:
    try:
        return read_values(TextsSpec, read_toml(path))
    except ValidationError as err:
        msg = f"specification {path}: {first_mistake(err, TextsSpec)}: correct it"
        raise TextsError(msg) from err
    except ValueError as err:
        msg = f"specification {path} {err}: give the TOML of one text data set"
        raise TextsError(msg) from err
    except OSError as err:
        msg = f"specification {path} cannot be read ({err.strerror}): give the path of an existing file"
        raise TextsError(msg) from err


def _pictures(one: Pictures, near: Path) -> list[Picture]:
    if one.folder is not None:
        found, prefix = pictures_of_folder(near / one.folder), one.folder
    else:
        assert one.csv is not None  # noqa: S101 -- the model has looked
        root = one.csv.parent if one.root is None else one.root
        found, prefix = pictures_of_table(near / one.csv, root=near / root), root
    shown = Path(prefix.name) if prefix.is_absolute() or ".." in prefix.parts else prefix
    return [
        replace(
            picture,
            source=(shown / picture.source).as_posix(),
            domain=one.domain or picture.domain,
            split=one.split or picture.split,
        )
        for picture in found
    ]


def _require_distinct(pictures: list[Picture], given: Path) -> None:
    seen: set[str] = set()
    for picture in pictures:
        if picture.source in seen:
            msg = f"reading {given}: {picture.source!r} is named twice: name each picture once"
            raise TextsError(msg)
        seen.add(picture.source)
