"""What is painted: what may go wrong, what is harmless, and what the camera may do to a picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, Field, model_validator

from export.painting.conditions import Conditions, Flips
from export.painting.defects import Choice
from export.painting.kinds import DEFECT_PAINTERS, HARMLESS_PAINTERS, USUAL_BRUSHES
from export.painting.scene import Brush, Direction
from export.products.phrase import Japanese, Phrase, nearest
from export.products.ranges import Deviations, Factors, Share, Shares, Sizes
from firmware_config.strict import STRICT

STRENGTH_HELP = "How strongly it changes the picture, 0 to 1: the weakest and the strongest. Unset: as usual for the painter."
SIZE_HELP = "Its longest extent as a share of the picture's side: the smallest and the largest. Unset: as usual for the painter."
DIRECTION_HELP = 'Whether it makes the picture "darker", "brighter" or "both". Unset: as usual for the painter.'


def _require_painter(name: str, kind: str, painters: Iterable[str]) -> str:
    if name not in painters:
        msg = f"there is no {kind} painter {name!r}, {nearest(name, painters)}"
        raise ValueError(msg)
    return name


DefectPainter: TypeAlias = Annotated[
    str,
    AfterValidator(lambda name: _require_painter(name, "defect", DEFECT_PAINTERS)),
    Field(json_schema_extra={"enum": sorted(DEFECT_PAINTERS)}),
]
HarmlessPainter: TypeAlias = Annotated[
    str,
    AfterValidator(lambda name: _require_painter(name, "harmless", HARMLESS_PAINTERS)),
    Field(json_schema_extra={"enum": sorted(HARMLESS_PAINTERS)}),
]
Grade: TypeAlias = Literal["faint", "clear", "small", "large"]


class Harmless(BaseModel):
    """Something that a good part may show, and that is no defect."""

    model_config = STRICT
    name: Phrase = Field(description="Its name, in lower-case English.")
    ja: Japanese = Field(description="Its Japanese name.")
    painter: HarmlessPainter = Field(description="The painter, by its name.")
    share: Share = Field(description="The share of pictures that show it, 0 to 1, intact or not.")
    strength: Shares | None = Field(default=None, description=STRENGTH_HELP)
    size: Sizes | None = Field(default=None, description=SIZE_HELP)
    direction: Direction | None = Field(default=None, description=DIRECTION_HELP)
    hides: float = Field(
        default=0.0,
        ge=0,
        le=5,
        description="A defect weaker than this many of its deviations cannot be told from it and is not painted there; 0 hides nothing.",
    )
    role: Literal["tag", "attribute", "none"] = Field(
        default="tag", description='The vocabulary that holds its name; "none": no word says it.'
    )
    caption: Phrase | None = Field(
        default=None, description="What captions say that the part has, such as dislocation clouds. Unset: nothing."
    )

    @property
    def brush(self) -> Brush:
        """What its painter paints with: what is said here, and the painter's usual brush for the rest."""
        return _brush(self, self.painter, ("strength", "size", "direction"))


class DefectKind(BaseModel):
    """Something that may go wrong with the part."""

    model_config = STRICT
    name: Phrase = Field(description="Its name, in lower-case English: a tag, and the label of parts that have it.")
    ja: Japanese = Field(description="Its Japanese name.")
    plural: Phrase | None = Field(default=None, description="Several of them. Unset: the name with an s.")
    painter: DefectPainter | None = Field(default=None, description="The painter, by its name.")
    painters: dict[DefectPainter, Annotated[float, Field(gt=0)]] = Field(
        default={}, description="In place of `painter`: several, each with how often it is taken."
    )
    share: float = Field(default=1.0, gt=0, description="How often it is the first defect of a damaged part, beside those of the others.")
    strength: Shares | None = Field(default=None, description=STRENGTH_HELP)
    size: Sizes | None = Field(default=None, description=SIZE_HELP)
    width: Shares | None = Field(
        default=None,
        description="How thick a line of it is, as a share of the picture's side: the thinnest and the thickest. Unset: as usual.",
    )
    angles: tuple[Annotated[float, Field(ge=-180, le=180)], ...] | None = Field(
        default=None, description="Directions in degrees that its lines prefer: 0 to the right, 90 down. Unset: as usual for the painter."
    )
    direction: Direction | None = Field(default=None, description=DIRECTION_HELP)
    more: int = Field(default=0, ge=0, le=10, description="The most further ones of its kind that come with it.")
    often_with: Phrase | None = Field(default=None, description="Another kind that often comes with it, in three parts of ten.")
    alone: bool = Field(default=False, description="True: it comes without any other defect, as nothing else could be seen.")
    grades: tuple[Grade, ...] = Field(
        default=("faint", "clear", "small", "large"), description="Which of its grades are words: faint, clear, small, large. [] for none."
    )
    nouns: tuple[Phrase, ...] = Field(default=(), description="What captions call it. Unset: its name.")
    shape_nouns: dict[str, tuple[Phrase, ...]] = Field(
        default={}, description="What captions call it if it has a shape, by the painter's word."
    )
    measured_only: bool = Field(
        default=False,
        description="True: the eye cannot see it, as the gain takes it away; only measured words tell it. It teaches the judge alone.",
    )
    label: str | None = Field(default=None, min_length=1, max_length=64, description="The label of parts that have it. Unset: its name.")

    @model_validator(mode="after")
    def _has_one_way_of_painting(self) -> DefectKind:
        if (self.painter is None) == (not self.painters):
            msg = f"{self.name!r} needs either painter or painters: give one of them"
            raise ValueError(msg)
        return self

    @property
    def weights(self) -> dict[str, float]:
        """Its painters, each with how often it is taken."""
        return {self.painter: 1.0} if self.painter is not None else dict(self.painters)

    def choices(self) -> Iterator[Choice]:
        """The ways in which it is painted, one for each painter: with what is said here, and the painter's usual brush for the rest."""
        for painter, weight in self.weights.items():
            yield Choice(
                name=self.name,
                painter=painter,
                share=self.share * weight / sum(self.weights.values()),
                brush=_brush(self, painter, ("strength", "size", "width", "angles", "direction")),
                more=self.more,
                often_with=self.often_with,
                alone=self.alone,
            )

    @property
    def several(self) -> str:
        """Several of them, without an article."""
        return self.plural or f"{self.name}s"

    def nouns_of(self, shape: str) -> tuple[str, ...]:
        """What captions call one of this shape."""
        return self.shape_nouns.get(shape) or self.nouns or (self.name,)


class Capture(BaseModel):
    """What the camera may do to a picture of the part. Nothing varies but what is said here: camera, light and place are fixed."""

    model_config = STRICT
    flips: Flips = Field(
        default="none",
        description='How a picture may be mirrored: "none", "horizontal" (left and right), "vertical", "both", or "turned": by a half turn '
        "only, which keeps the slant of a weave.",
    )
    quarter_turns: bool = Field(default=False, description="True: a part may lie turned by 90, 180 or 270 degrees.")
    moved_share: Share = Field(default=0.0, description="The share of pictures that are also shifted, turned a little and zoomed.")
    shift_px: float = Field(default=0.0, ge=0, le=100, description="How far a part may be shifted either way, in pixels of the eye.")
    rotation_degrees: float = Field(default=0.0, ge=0, le=180, description="How far a part may be turned either way, in degrees.")
    zoom: Factors = Field(default=(1.0, 1.0), description="How large a part may be: the smallest and the largest factor.")
    gain: Factors = Field(default=(1.0, 1.0), description="By what the brightness is multiplied: the lowest and the highest factor.")
    gamma: Factors = Field(default=(1.0, 1.0), description="The exponent of the brightness: the lowest and the highest.")
    blurred_share: Share = Field(default=0.0, description="The share of pictures that are blurred.")
    blur_px: Deviations = Field(
        default=(0.0, 0.0), description="How far they are blurred: the least and the largest deviation, in pixels of the eye."
    )
    noise: Shares = Field(default=(0.0, 0.0), description="Noise of the camera as a share of white: the lowest and the highest deviation.")

    @property
    def conditions(self) -> Conditions:
        """The same for the painters."""
        return Conditions(**self.model_dump())


def _brush(section: Harmless | DefectKind, painter: str, keys: Iterable[str]) -> Brush:
    said = {key: getattr(section, key) for key in keys}
    return replace(USUAL_BRUSHES[painter], **{key: value for key, value in said.items() if value is not None})
