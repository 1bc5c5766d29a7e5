"""The two forms of a prompt: that of the box, and the published one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from edge.judges.prompt import CONTENT_FREE, Prompt, description_text
from edge.records import Words
from export.instruct.published import SHOWN, Shown, empty_text, published_prompt, published_text
from export.tuning.examples import MEASURED, only
from firmware_config.labels import Label

FormName = Literal["box", "published"]

BOX_TEMPLATE = "Judge the part by these words. Answers:\n{labels}\n{description}Answer:"
"""The instruction of the box's form where none is given: that of the starter bundle, for any part."""


@dataclass(frozen=True, slots=True)
class Form:
    """A prompt: `prompt.prefix`, the text of a description, `prompt.suffix`, and one of `prompt.answers`.

    `text` makes the text of a description, `empty` is that of one without content.
    """

    prompt: Prompt
    text: Callable[[Words], str]
    empty: str

    def whole(self, words: Words, answer: int) -> str:
        """The whole text with the answer of the label number `answer`."""
        return self.prompt.prefix + self.text(words) + self.prompt.suffix + self.prompt.answers[answer]


def form_of(name: FormName, labels: Sequence[Label], *, template: str | None = None, shown: Sequence[Shown] = SHOWN) -> Form:
    """The form of that name with the labels of a station, showing only some kinds of words.

    `template` is the instruction of the box's form (None: BOX_TEMPLATE), which the published form does not use. The box's form also says
    measured words, unless `shown` leaves out a kind: who takes words away asks what the others say alone.

    Raises:
        BundleError: the template has not the slots of an instruction.
    """
    if name == "published":
        return Form(published_prompt(labels), partial(published_text, shown=tuple(shown)), empty_text(shown=shown))
    kinds = (*shown, MEASURED) if set(shown) == set(SHOWN) else tuple(shown)
    return Form(Prompt.parse(template or BOX_TEMPLATE, labels), partial(_box_text, kinds=kinds), CONTENT_FREE)


def _box_text(words: Words, *, kinds: Sequence[str]) -> str:
    return description_text(only(words, kinds))
