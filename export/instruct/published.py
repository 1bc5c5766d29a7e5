"""The prompt in its published form (VLLaVO, arXiv 2401.03253): blocks of words, an instruction, the options, and "### Answer:".

The form is that of the paper, the words of the instruction are ours. The options stand behind the description, so that only the first lines
can be computed once for all pictures. Measured words have no place in it. A label is what follows the prompt, as in the box's own prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from edge.judges.prompt import Prompt, label_text
from edge.records import Words
from firmware_config.labels import Label

Shown = Literal["tags", "attributes", "captions"]
SHOWN: tuple[Shown, ...] = ("tags", "attributes", "captions")
"""The blocks of a description, in their order."""

ABOVE = "These notes tell what was seen in a picture.\n"
BELOW = "Go by these notes and choose the category that is most like the picture, out of these options: [{options}].\n### Answer:"
NOTHING = "N/A"
"""The only item of each block in a description without content, as the box writes it."""


def published_text(words: Words, *, shown: Sequence[Shown] = SHOWN) -> str:
    """A description in blocks of `- item` lines; a block without an item is left out. It ends in a line break, or is empty."""
    items = {
        "tags": [tag.word for tag in words.tags],
        "attributes": [tag.word for tag in words.attributes],
        "captions": list(words.captions),
    }
    return _blocks({kind: items[kind] for kind in SHOWN if kind in shown})


def empty_text(*, shown: Sequence[Shown] = SHOWN) -> str:
    """A description without content, for contextual calibration."""
    return _blocks({kind: [NOTHING] for kind in SHOWN if kind in shown})


def published_prompt(labels: Sequence[Label]) -> Prompt:
    """What stands before and after a description, and the labels as its continuations; meanings of labels are not shown."""
    options = ", ".join(label.name for label in labels)
    return Prompt(ABOVE, BELOW.format(options=options), tuple(label_text(label) for label in labels), (options,))


def _blocks(items: dict[Shown, list[str]]) -> str:
    blocks = [f"{kind.capitalize()}:\n" + "\n".join(f"- {item}" for item in some) for kind, some in items.items() if some]
    return "\n".join([*blocks, ""])
