"""A pilot from its specification: data, protocols, chapters and the answer. Only commands come in."""
