"""What is asked next: every part once in each trial, in random order, never led by the answers before."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """One part in one trial, from 1."""

    trial: int
    part: str


def order_of(parts: Sequence[str], *, trials: int, seed: int, appraiser: str) -> list[Question]:
    """All questions of an appraiser, trial by trial, each trial in an order of its own; the same arguments give the same order."""
    questions: list[Question] = []
    for trial in range(1, trials + 1):
        drawn = random.Random(f"{seed}/{appraiser}/{trial}").sample(sorted(parts), len(parts))
        if questions and len(drawn) > 1 and questions[-1].part == drawn[0]:
            drawn[0], drawn[-1] = drawn[-1], drawn[0]  # the same picture twice in a row would be remembered
        questions += [Question(trial, part) for part in drawn]
    return questions


class Session:
    """The questions that are open. `answered`: those that were answered before, in that order."""

    def __init__(self, questions: Iterable[Question], answered: Sequence[Question]) -> None:
        """Begin where the answers end."""
        given = set(answered)
        self._answered = list(answered)
        self._open = deque(question for question in questions if question not in given)

    @property
    def question(self) -> Question | None:
        """What to ask now; None: everything is answered."""
        return self._open[0] if self._open else None

    @property
    def given(self) -> int:
        """The number of answers."""
        return len(self._answered)

    def answered(self) -> None:
        """The question has its answer."""
        self._answered.append(self._open.popleft())

    def later(self) -> None:
        """Ask the question again after the others of its trial."""
        question = self._open.popleft()
        place = next((index for index, other in enumerate(self._open) if other.trial != question.trial), len(self._open))
        self._open.insert(place, question)

    def back(self) -> Question | None:
        """Ask the last answered question again; None: there is none."""
        if not self._answered:
            return None
        question = self._answered.pop()
        self._open.appendleft(question)
        return question
