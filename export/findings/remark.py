"""What weakens a pilot or was left out of it: a code and its values. The sentences of both languages stand in remarks.toml."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from typing import Literal, get_args

from pydantic import BaseModel, model_validator

from firmware_config.strict import STRICT, read_values
from firmware_config.toml import read_toml

SENTENCES = Path(__file__).parent / "remarks.toml"

RemarkCode = Literal[
    # of a text data set
    "not_described",
    "no_label",
    "one_label",
    "small_domain",
    "without_label",
    "copies",
    # of a comparison
    "few_bad",
    "few_good",
    "one_block",
    "few_blocks",
    "neighbours",
    "few_shot_left_out",
    "too_few_shots",
    "scorer_left_out",
    # why a scorer is left out
    "no_thumbnails",
    "no_patches",
    "no_features",
    "no_measures",
    "no_words",
    "no_scores",
    "no_model",
    "no_neutral_model",
    "no_tuning",
    "no_good_source",
    "one_class_teaches",
    "one_class_tunes",
    "one_class_checks",
    "error_text",
    # of the shift
    "no_numbers",
    "pair_left_out",
    "same_pictures",
    "no_common_class",
    "one_block_of_source",
    "one_block_of_target",
    "no_usable_picture",
    # of the chapters
    "no_pictures",
    "not_asked",
    "chapter_left_out",
    "one_domain",
    "no_rate",
    "not_calibrated",
    "none_to_print_on",
    "too_few_to_calibrate",
    "one_block_to_calibrate",
    "more_escaped",
    "more_overkilled",
]


class Sentence(BaseModel):
    """A remark in both languages, with places for its values."""

    model_config = STRICT
    en: str
    ja: str


class Remark(BaseModel):
    """One remark. A value that is itself a remark says why. The code `error_text` passes on the text of an error, which is English."""

    model_config = STRICT
    code: RemarkCode
    values: dict[str, int | float | str | Remark] = {}

    @model_validator(mode="after")
    def _has_the_values_of_its_sentence(self) -> Remark:
        wanted = {name for _, name, _, _ in Formatter().parse(_sentences()[self.code].en) if name}
        if set(self.values) != wanted:
            msg = f"the remark {self.code!r} needs the values {sorted(wanted)}, not {sorted(self.values)}"
            raise ValueError(msg)
        return self

    def sentence(self, language: Literal["en", "ja"], names: Mapping[str, str] | None = None) -> str:
        """The sentence. `names` gives scorers and chapters, whose codes are the values `scorer` and `chapter`, their name."""
        values: dict[str, int | float | str] = {}
        for name, value in self.values.items():
            if isinstance(value, Remark):
                values[name] = value.sentence(language, names)
            elif name in ("scorer", "chapter") and names is not None:
                values[name] = names.get(str(value), value)
            else:
                values[name] = value
        return getattr(_sentences()[self.code], language).format(**values)

    def __str__(self) -> str:
        return self.sentence("en")


class _Sentences(BaseModel):
    model_config = STRICT
    remarks: dict[RemarkCode, Sentence]


@functools.cache
def _sentences() -> dict[RemarkCode, Sentence]:
    found = read_values(_Sentences, {"remarks": read_toml(SENTENCES)}).remarks
    missing = [code for code in get_args(RemarkCode) if code not in found]
    if missing:
        msg = f"{SENTENCES} has no sentence for {missing[0]!r}"
        raise ValueError(msg)
    return found
