"""Instruction tuning of the judge's language model on descriptions with known labels; the starter recipe and the studies come in."""
