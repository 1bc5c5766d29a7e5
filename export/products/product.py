"""A product: the folder of choices from which pictures of it are painted and put into words. It needs no code of its own.

`product.toml` in the folder says what may go wrong with the part, what is harmless, how the camera may vary, and which words tell it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, ValidationError, model_validator

from export.errors import SpecError
from export.model_sources import Here
from export.painting import geometry
from export.painting.kinds import DEFECT_PAINTERS
from export.products.painted import Capture, DefectKind, Harmless
from export.products.patterns import Captions
from export.products.phrase import Japanese, Phrase, nearest
from export.products.word import Word
from firmware_config.errors import first_mistake
from firmware_config.measuring import Measuring
from firmware_config.strict import STRICT, read_values
from firmware_config.toml import read_toml

FILE_NAME = "product.toml"
BUILT_IN = Path(__file__).parent
"""Products that come with this package: each folder here that holds a product.toml."""

LEAST_SIZE_PX, LEAST_WIDTH_PX = 2, 1
"""The smallest defect and the thinnest line that can be painted, in pixels of the eye."""
NEED_MASKS = frozenset(name for name, painter in DEFECT_PAINTERS.items() if painter.__module__ == geometry.__name__)
"""Painters that move components, whose places only masks tell."""


class Part(BaseModel):
    """The noun of the part."""

    model_config = STRICT
    text: Phrase = Field(description="In English, such as cell.")
    ja: Japanese = Field(description="In Japanese.")


class Good(BaseModel):
    """The label of good parts."""

    model_config = STRICT
    label: str = Field(default="good", min_length=1, max_length=64, description="The label of parts without a defect.")
    meaning: str = Field(default="no damage", max_length=200, pattern=r"^[^\r\n]*$", description="What it means, for the language model.")


class Product(BaseModel):
    """What a product is."""

    model_config = STRICT
    name: str = Field(pattern=r"^[A-Za-z0-9_-]+$", max_length=64, description="Its name: letters, digits, - and _.")
    ja: Japanese = Field(description="Its Japanese name.")
    part: Part = Field(description="What one part is called.")
    colour: bool = Field(default=False, description="True: colours are kept. False: pictures are grey.")
    side_px: int = Field(ge=64, le=1024, description="Side of the square picture that the eye sees, in pixels.")
    frame_px: int = Field(
        default=0, ge=0, le=8, description="Pixels along each border that show no part, such as a white line: nothing is painted there."
    )
    scaled: bool = Field(
        default=True,
        description="True: a picture of another size is scaled to the eye's. False: it is refused, as fine texture would be lost.",
    )
    gain: Literal["median", "none"] = Field(
        default="none", description='"median": pictures are brought to the same median brightness, so that exposure does not matter.'
    )
    printed_text: bool = Field(
        default=False, description="True: good parts carry print, codes or the like. Print on a part is then no reason for REVIEW."
    )
    defects_apart: float = Field(
        default=0.0,
        ge=0,
        le=20,
        description="For a surface that is alike everywhere, such as cloth: by how many deviations of the surface a painted defect must "
        "stand out, 4 for what a person sees; one that does not is left out. 0: every defect stays.",
    )
    measured: Measuring = Field(
        default=True,
        description="Which measured words its judge reads, the names of measures such as darker; true: all. Measures that differ between "
        "lines or days mislead a judge that saw one of them.",
    )
    masks: Here | None = Field(
        default=None, description="Folder with a picture for each component of an assembled part: white where it is."
    )
    good: Good = Good()
    conditions: Capture = Capture()
    harmless: tuple[Harmless, ...] = Field(default=(), description="What a good part may show, in the order in which it is painted.")
    defects: tuple[DefectKind, ...] = Field(min_length=1, description="What may go wrong.")
    words: tuple[Word, ...] = Field(
        default=(), description="Words beside those that every product has; one with the text of such a word takes its place."
    )
    captions: Captions = Captions()

    @model_validator(mode="after")
    def _names_are_known(self) -> Product:
        kinds, harmless = [kind.name for kind in self.defects], [thing.name for thing in self.harmless]
        _require_distinct([*kinds, *harmless])
        for kind in self.defects:
            _require_known((kind.often_with,) if kind.often_with else (), kinds, f"often_with of {kind.name!r}")
        for word in self.words:
            _require_known(word.defects, kinds, f"defects of the word {word.text!r}")
            _require_known((*word.harmless, *word.not_harmless), harmless, f"harmless of the word {word.text!r}")
        _require_distinct([word.text for word in self.words])
        return self

    @model_validator(mode="after")
    def _kinds_can_be_painted(self) -> Product:
        for kind in self.defects:
            _require_pixels(kind, "size", kind.size, LEAST_SIZE_PX, self.side_px)
            _require_pixels(kind, "width", kind.width, LEAST_WIDTH_PX, self.side_px)
            masked = next((painter for painter in kind.weights if painter in NEED_MASKS), None)
            if masked is not None and self.masks is None:
                msg = f"{kind.name!r} cannot be painted: {masked} needs to know where components are: name a folder of masks"
                raise ValueError(msg)
        return self

    def kind(self, name: str) -> DefectKind:
        """The kind of defect of this name."""
        return next(kind for kind in self.defects if kind.name == name)


def built_in_products() -> tuple[str, ...]:
    """The names of the products that come with this package."""
    return tuple(sorted(path.parent.name for path in BUILT_IN.glob(f"*/{FILE_NAME}")))


def read_product(source: Path | str) -> Product:
    """Read a product: the path of its folder, or the name of one that comes with this package.

    Raises:
        SpecError: it is not there, or a value of its product.toml is wrong.
    """
    own = Path(source)
    folder = own if (own / FILE_NAME).is_file() else BUILT_IN / source
    path = folder / FILE_NAME
    if not path.is_file():
        known = ", ".join(built_in_products())
        msg = f"product {source}: there is no {Path(source) / FILE_NAME}: give a folder that holds one, or one of {known}"
        raise SpecError(msg)
    try:
        product = read_values(Product, read_toml(path), context=folder.absolute())
    except ValidationError as err:
        msg = f"product {path}: {first_mistake(err, Product)}: see `kotoba-export schema product`"
        raise SpecError(msg) from err
    except ValueError as err:
        msg = f"product {path} {err}: give the TOML of one product"
        raise SpecError(msg) from err
    except OSError as err:
        msg = f"product {path} cannot be read ({err.strerror}): look at the rights of the file"
        raise SpecError(msg) from err
    if product.masks is not None and not product.masks.is_dir():
        msg = f"product {path}: masks is {product.masks}, which is no folder: correct it"
        raise SpecError(msg)
    return product


def _require_pixels(kind: DefectKind, key: str, values: tuple[float, float] | None, least_px: int, side_px: int) -> None:
    """Refuse what would be painted larger than the product says, because the eye has no smaller pixels."""
    if values is not None and values[0] * side_px < least_px:
        msg = (
            f"{kind.name!r} cannot be painted: its {key} begins at {values[0]:g}, {values[0] * side_px:.1f} of the eye's {side_px} pixels, "
            f"and {least_px} px are the least: begin at {least_px / side_px:.4f}, or raise side_px"
        )
        raise ValueError(msg)


def _require_distinct(names: list[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        msg = f"names must be distinct, but {twice!r} is there twice"
        raise ValueError(msg)


def _require_known(names: Iterable[str], known: list[str], where: str) -> None:
    wrong = next((name for name in names if name not in known), None)
    if wrong is not None:
        msg = f"{where}: there is no {wrong!r}, {nearest(wrong, known)}"
        raise ValueError(msg)
