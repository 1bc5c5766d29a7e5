"""The lessons of a tuning: which variant of which example each step learns.

What a step learns depends on the examples and the seed alone, so a stopped tuning goes on without the state of a random generator.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.records import Words
from export.instruct.errors import TuneError
from export.instruct.tuned import TuneSettings
from export.tuning.examples import Example, augmented
from firmware_config.labels import Label

Allowed = str | tuple[str, ...]
"""The label that is right for a description, or those of which one is right: any label of a defect where only "defective" is known."""

WINDOW = 4
"""Steps whose examples are drawn together and sorted by length: a batch is padded to its longest."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """Descriptions and what is right for them: `allowed` bool (N, K), `bad` bool (N,)."""

    words: tuple[Words, ...]
    allowed: NDArray[np.bool_]
    bad: NDArray[np.bool_]


def lesson_of(words: Sequence[Words], labels_of: Sequence[Allowed], labels: Sequence[Label], *, what: str) -> Lesson:
    """Check descriptions and their labels; `what` names them in an error.

    Raises:
        TuneError: a label is none of `labels`, or they are not both good and defective.
    """
    names = [label.name for label in labels]
    right = [(one,) if isinstance(one, str) else one for one in labels_of]
    for one in right:
        strangers = [name for name in one if name not in names]
        if strangers or not one:
            given = repr(strangers[0]) if strangers else "nothing"
            msg = f"tuning a judge: {given} is right for one of the {what} examples, and the judge answers {', '.join(names)}: correct it"
            raise TuneError(msg)
    allowed = np.array([[name in one for name in names] for one in right], bool).reshape(len(right), len(names))
    bad = ~(allowed & np.array([label.decision == "ok" for label in labels])).any(1)
    if len(words) != len(right) or bad.all() or not bad.any():
        found = f"{int((~bad).sum())} good and {int(bad.sum())} defective"
        msg = f"tuning a judge: the {what} examples are {found}, of {len(words)} descriptions: give both kinds, and a label for each"
        raise TuneError(msg)
    return Lesson(tuple(words), allowed, bad)


class Lessons:
    """The examples of each step: (variant, row) pairs."""

    def __init__(self, lesson: Lesson, settings: TuneSettings, length: Callable[[Words], int]) -> None:
        """`length` is the number of tokens of a description, or what grows with it."""
        self._settings = settings
        self.variants = tuple(_varied(lesson.words, settings, copy) for copy in range(copies_of(settings)))
        self._lengths = [[length(words) for words in variant] for variant in self.variants]
        rows = np.arange(len(lesson.words))
        self._decks = [rows[~lesson.bad], rows[lesson.bad]] if settings.balanced else [rows]
        self._permuted, self._window = cache(self._permute), cache(self._dealt)

    def picked(self, step: int) -> list[tuple[int, int]]:
        """The (variant, row) of each example of a step, from 0. Every deck is gone through again and again, each time in another order."""
        return self._window(step // WINDOW)[step % WINDOW]

    def _dealt(self, window: int) -> list[list[tuple[int, int]]]:
        """The steps of a window: examples of about one length share a step, because a batch is as long as its longest."""
        batch = self._settings.batch
        steps: list[list[tuple[int, int]]] = [[] for _ in range(WINDOW)]
        for deck in range(len(self._decks)):
            share = batch if len(self._decks) == 1 else (batch + 1 - deck) // 2
            places = range(window * WINDOW * share, (window + 1) * WINDOW * share)
            picked = sorted((self._at(deck, place) for place in places), key=lambda one: (self._lengths[one[0]][one[1]], one))
            for number, step in enumerate(steps):
                step.extend(picked[number * share : (number + 1) * share])
        return [steps[number] for number in np.random.default_rng([self._settings.seed, len(self._decks), window]).permutation(WINDOW)]

    def _at(self, deck: int, place: int) -> tuple[int, int]:
        turn, index = divmod(place, len(self._decks[deck]))
        return turn % len(self.variants), int(self._permuted(deck, turn)[index])

    def _permute(self, deck: int, turn: int) -> NDArray[Any]:
        return np.random.default_rng([self._settings.seed, deck, turn]).permutation(self._decks[deck])


def copies_of(settings: TuneSettings) -> int:
    """The number of variants of an example."""
    return settings.copies if settings.word_dropout or settings.kind_dropout else 1


def _varied(words: Sequence[Words], settings: TuneSettings, copy: int) -> tuple[Words, ...]:
    if not (settings.word_dropout or settings.kind_dropout):
        return tuple(words)
    examples = [Example(one, (), "") for one in words]
    seed = settings.seed * 1_000 + copy
    return tuple(one.words for one in augmented(examples, dropout=settings.word_dropout, kinds=settings.kind_dropout, seed=seed))
