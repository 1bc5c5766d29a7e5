"""The commented specification of what to teach that `kotoba-export new --teach` writes: every key with its default."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from export.bundle.new_spec import keys_of, relative
from export.errors import SpecError
from export.products.painted import Capture
from export.spec import Licence
from export.teach.spec import Adapt, Eye, Pictures, TeachSpec
from firmware_config.commented_toml import toml_value
from firmware_config.labels import Label

HEAD = """\
# What to teach. Every key is explained in `kotoba-export schema teach` and in docs/teaching.md, which also shows a product.toml.
# Take away "# " before a key to use it. Paths are relative to this file. Check it with `kotoba-export teach FILE --check`.
"""
SECTIONS = frozenset({"pictures", "labels", "conditions", "eye", "adapt", "llm", "licences"})
"""Keys of the specification that are sections of their own."""


def teach_text(name: str, good: Path, *, near: Path, labels: Sequence[tuple[Label, str]] = ()) -> str:
    """The text of a new specification that will lie in the folder `near`, with its folder of good pictures.

    `labels` stand in it as they are, each with a comment on one line. Without any, a label stands there as comments.

    Raises:
        SpecError: `good` is no folder.
    """
    if not good.is_dir():
        msg = f"{good} is no folder: give --teach a folder with pictures of good parts"
        raise SpecError(msg)
    given = {"name": re.sub(r"[^A-Za-z0-9._-]", "-", name), "version": 1, "product": "product"}
    lines = [HEAD, *keys_of(TeachSpec, given, leave_out=SECTIONS)]
    lines += ["", "[pictures]", *keys_of(Pictures, {"good": [relative(good, near)]})]
    for label, comment in labels:
        values = {"name": label.name, "decision": label.decision, "meaning": label.meaning}
        lines += ["", f"[[labels]]  # {comment}", *(f"{key} = {toml_value(value)}" for key, value in values.items())]
    if not labels:
        lines += _unused("[[labels]]", "labels", Label, {"name": "good", "decision": "ok"})
    lines += _unused("[conditions]", "conditions", Capture, {})
    lines += _unused("[eye]", "eye", Eye, {})
    lines += _unused("[adapt]", "adapt", Adapt, {})
    licence = {"files": ["*"], "licence": "LicenseRef-to-be-filled-in", "origin": "who made it, and where it comes from"}
    lines += ["", f"[[licences]]  # {TeachSpec.model_fields['licences'].description}", *keys_of(Licence, licence)]
    return "\n".join(lines) + "\n"


def _unused(header: str, key: str, model: type[BaseModel], given: dict[str, str]) -> list[str]:
    """A section that stands there as comments."""
    lines = keys_of(model, given)
    return ["", f"# {header}  # {TeachSpec.model_fields[key].description}", *(f"# {line.removeprefix('# ')}" for line in lines)]
