"""What the judge reads: a template with two slots, and the description as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge.errors import BundleError
from edge.records import Description
from firmware_config.labels import Label

LABELS_SLOT = "{labels}"
DESCRIPTION_SLOT = "{description}"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A template filled with a station's labels: what stands before the description (the same for every frame) and after it."""

    prefix: str
    suffix: str

    @classmethod
    def parse(cls, template: str, labels: Sequence[Label]) -> Prompt:
        """Fill in the labels and cut at the description. Plain substitution: a template is never executed.

        Raises:
            BundleError: a slot is missing or there twice.
        """
        for slot in (LABELS_SLOT, DESCRIPTION_SLOT):
            if template.count(slot) != 1:
                msg = f"an instruction template must hold {slot} once, this one has it {template.count(slot)} times: mend the template"
                raise BundleError(msg)
        if template.index(LABELS_SLOT) > template.index(DESCRIPTION_SLOT):
            msg = f"an instruction template must have {LABELS_SLOT} before {DESCRIPTION_SLOT}: what is the same for every frame comes first"
            raise BundleError(msg)
        before, after = template.rstrip("\n").split(DESCRIPTION_SLOT)
        lines = "\n".join(f"- {label.name}: {label.meaning}" if label.meaning else f"- {label.name}" for label in labels)
        return cls(before.replace(LABELS_SLOT, lines), after)


def label_text(label: Label) -> str:
    """A label as the continuation that is scored."""
    return f" {label.name}"


def description_text(description: Description, *, captions: int | None = None) -> str:
    """The description as the judge reads it, with all or the first `captions` captions; ends in a line break."""
    said = description.captions if captions is None else description.captions[:captions]
    blocks = []
    if description.tags:
        blocks.append("Tags: " + ", ".join(tag.word for tag in description.tags))
    if description.attributes:
        blocks.append("Attributes: " + ", ".join(tag.word for tag in description.attributes))
    if said:
        blocks.append("Captions:\n" + "\n".join(f"- {caption}" for caption in said))
    return "\n".join(blocks) + "\n"
