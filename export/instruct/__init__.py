"""Instruction tuning of a language model on a text data set, and its scores of descriptions. Protocols and commands come in."""
