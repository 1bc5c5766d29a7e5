"""The text that the language model reads: an instruction template with named slots, and the description."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from edge.errors import BundleError
from edge.records import Words
from firmware_config.labels import Label

LABELS_SLOT = "{labels}"
EXAMPLES_SLOT = "{examples}"
DESCRIPTION_SLOT = "{description}"
CONTENT_FREE = "Tags: N/A\n"
"""A description without content, for contextual calibration (Zhao et al. 2021, arXiv 2102.09690)."""
Example = tuple[Words, str]
"""The words of a picture, and the name of the label that is right for it."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A template filled with a station's labels and examples.

    `prefix` is the text before the description, the same for every frame, `suffix` the text after it. `answers` are the continuations that
    are scored, one for each label. `plain` are the parts of the prefix that come from labels and examples: they must not hold a control
    token of the model.
    """

    prefix: str
    suffix: str
    answers: tuple[str, ...]
    plain: tuple[str, ...]

    @classmethod
    def parse(cls, template: str, labels: Sequence[Label], *, examples: Sequence[Example] = ()) -> Prompt:
        """Fill in labels and examples, and cut at the description. Plain substitution: a template is never executed.

        An example has the form of the picture to judge: the text between the slots of examples and description, its description, the suffix
        and its answer.

        Raises:
            BundleError: a slot is missing, repeated or in the wrong order, or an example has a label that is not in `labels`.
        """
        _require_slots(template, examples)
        before, suffix = template.rstrip("\n").split(DESCRIPTION_SLOT)
        head, _, lead = before.partition(EXAMPLES_SLOT)
        lines = "\n".join(f"- {label.name}: {label.meaning}" if label.meaning else f"- {label.name}" for label in labels)
        answer = {label.name: label_text(label) for label in labels}
        for number, (_, name) in enumerate(examples, 1):
            if name not in answer:
                msg = f"example {number} has the label {name!r}, the station has {', '.join(answer)}: remove the example or add the label"
                raise BundleError(msg)
        texts = [description_text(words) for words, _ in examples]
        shown = "".join(f"{lead}{text}{suffix}{answer[name]}\n" for text, (_, name) in zip(texts, examples, strict=True))
        above, below = head.split(LABELS_SLOT)
        return cls(above + lines + below + shown + lead, suffix, tuple(answer.values()), (lines, *texts))

    @property
    def digest(self) -> str:
        """`sha256:` of prefix, a zero byte and suffix: the file that the template came from makes no difference."""
        return "sha256:" + hashlib.sha256(f"{self.prefix}\0{self.suffix}".encode()).hexdigest()


def _require_slots(template: str, examples: Sequence[Example]) -> None:
    for slot, wanted in ((LABELS_SLOT, "once"), (EXAMPLES_SLOT, "at most once"), (DESCRIPTION_SLOT, "once")):
        count = template.count(slot)
        if count > 1 or (count == 0 and wanted == "once"):
            msg = f"an instruction template must hold {slot} {wanted}, this one has it {count} times: correct the template"
            raise BundleError(msg)
    if examples and EXAMPLES_SLOT not in template:
        msg = f"there are {len(examples)} examples, but the instruction template has no {EXAMPLES_SLOT}: use a template that has it"
        raise BundleError(msg)
    slots = [slot for slot in (LABELS_SLOT, EXAMPLES_SLOT, DESCRIPTION_SLOT) if slot in template]
    if slots != sorted(slots, key=template.index):
        msg = f"an instruction template must have {' before '.join(slots)}: put the slots in this order"
        raise BundleError(msg)


def label_text(label: Label) -> str:
    """A label as the continuation that the judge scores."""
    return f" {label.name}"


def description_text(words: Words, *, captions: int | None = None) -> str:
    """The description of a picture as the judge reads it, with all or the first `captions` captions; it ends in a line break."""
    listed = words.captions if captions is None else words.captions[:captions]
    blocks = []
    if words.tags:
        blocks.append("Tags: " + ", ".join(tag.word for tag in words.tags))
    if words.attributes:
        blocks.append("Attributes: " + ", ".join(tag.word for tag in words.attributes))
    if words.measured:
        blocks.append("Measured: " + ", ".join(one.word for one in words.measured))
    if listed:
        blocks.append("Captions:\n" + "\n".join(f"- {caption}" for caption in listed))
    return "\n".join(blocks) + "\n"
