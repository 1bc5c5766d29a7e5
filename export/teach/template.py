"""The instruction that the judge of a taught bundle reads."""

from __future__ import annotations

from export.teach.plan import Plan

INSTRUCTION = """Judge a {part} by these words. Answers:
{{labels}}
{{description}}Answer:"""


def instruction(plan: Plan) -> str:
    """The template `default` of a plan: the specification's own, or one with the product's noun."""
    if plan.spec.templates is not None:
        return (plan.spec.templates / "default.txt").read_text(encoding="utf-8")
    return INSTRUCTION.format(part=plan.product.part.text) + "\n"
