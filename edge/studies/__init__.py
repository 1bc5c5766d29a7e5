"""Judged pictures whose right label is known: reading them, counting outcomes, reporting a calibration. Commands and reviews come in."""
