"""The words of a report. Each language is one TOML file in `texts/`; whether both are complete is checked when they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, model_validator

from export.findings.box import DecisionName, Rule
from export.findings.comparison import ConditionKind, Protocol
from export.findings.findings import Outcome, ReasonCode
from export.findings.scorers import Scorer
from export.findings.shift import Answer, Representation
from firmware_config.strict import STRICT, read_values
from firmware_config.toml import read_toml

TEXTS = Path(__file__).parent / "texts"

Language = Literal["en", "ja"]
Standing = Literal["better", "worse", "open"]
Met = Literal["held", "missed", "open"]


class Named(BaseModel):
    """The name of something, and one sentence on what it is."""

    model_config = STRICT
    name: str
    what: str = ""


class Ending(BaseModel):
    """An outcome: the word in the badge, the sentence beside it, what to do next."""

    model_config = STRICT
    badge: str
    headline: str
    step: str


class Why(BaseModel):
    """A reason: its sentence, with places for the figures; the sentence where a figure is missing; what to do about it."""

    model_config = STRICT
    sentence: str
    plain: str
    advice: str


class Wording(BaseModel):
    """All words of one language. `words` are the headings and sentences of the templates, by key."""

    model_config = STRICT
    words: dict[str, str]
    scorers: dict[Scorer, Named]
    protocols: dict[Protocol, Named]
    outcomes: dict[Outcome, Ending]
    reasons: dict[ReasonCode, Why]
    representations: dict[Representation, str]
    conditions: dict[ConditionKind, Named]
    decisions: dict[DecisionName, str]
    rules: dict[Rule, str]
    answers: dict[Answer, str]
    standings: dict[Standing, str]
    met: dict[Met, str]
    ways: dict[str, str]
    """Of printing; a way, stage or step without words is shown as it is."""
    stages: dict[str, str]
    work: dict[str, str]
    """The steps of a pilot."""

    @model_validator(mode="after")
    def _complete(self) -> Wording:
        for named, codes in (
            (self.scorers, Scorer),
            (self.protocols, Protocol),
            (self.outcomes, Outcome),
            (self.reasons, ReasonCode),
            (self.representations, Representation),
            (self.conditions, ConditionKind),
            (self.decisions, DecisionName),
            (self.rules, Rule),
            (self.answers, Answer),
            (self.standings, Standing),
            (self.met, Met),
        ):
            missing = [code for code in get_args(codes) if code not in named]
            if missing:
                msg = f"there are no words for {missing[0]!r}"
                raise ValueError(msg)
        return self

    def say(self, key: str, /, **values: object) -> str:
        """The text of a key with its places filled."""
        return self.words[key].format(**values)


def wording(language: Language) -> Wording:
    """Read the words of a language."""
    return read_values(Wording, read_toml(TEXTS / f"{language}.toml"))
