"""The guide of a product that comes along: its business, when to use it, how to take pictures, what to look out for, its labels."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, Field, ValidationError

from export.errors import SpecError
from export.products.product import BUILT_IN, built_in_products
from firmware_config.errors import first_mistake
from firmware_config.labels import Label
from firmware_config.strict import STRICT, read_values
from firmware_config.toml import read_toml

GUIDE_NAME = "guide.toml"
"""Beside the product.toml."""

Language: TypeAlias = Literal["en", "ja"]
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^\S([^\r\n]*\S)?$")]


class Said(BaseModel):
    """One sentence in both languages."""

    model_config = STRICT
    en: Line
    ja: Line

    def text(self, language: Language) -> str:
        """The sentence in one language."""
        return self.en if language == "en" else self.ja


class GuideLabel(BaseModel):
    """A label to begin with: `meaning` is for the language model, `ja` and `meaning_ja` are for people."""

    model_config = STRICT
    name: Line
    ja: Line
    decision: Literal["ok", "ng", "review"]
    meaning: Line
    meaning_ja: Line

    @property
    def label(self) -> Label:
        """The label of a specification."""
        return Label(name=self.name, meaning=self.meaning, decision=self.decision)


class Guide(BaseModel):
    """When to use a product, and with which labels to begin."""

    model_config = STRICT
    business: Said
    use_for: Said
    not_for: Said
    capture: tuple[Said, ...] = Field(min_length=1)
    look_out: tuple[Said, ...] = Field(min_length=1)
    labels: tuple[GuideLabel, ...] = Field(min_length=2)


def read_guide(name: str) -> Guide:
    """Read the guide of a product that comes with this package.

    Raises:
        SpecError: there is no such product, or its guide is wrong.
    """
    if name not in built_in_products():
        known = ", ".join(built_in_products())
        msg = f"product {name}: no product of this name comes along: give one of {known}"
        raise SpecError(msg)
    path = BUILT_IN / name / GUIDE_NAME
    try:
        return read_values(Guide, read_toml(path))
    except ValidationError as err:
        msg = f"guide {path}: {first_mistake(err, Guide)}: correct it, or install the package again"
        raise SpecError(msg) from err
    except (OSError, ValueError) as err:
        msg = f"guide {path} cannot be read ({err}): install the package again"
        raise SpecError(msg) from err
