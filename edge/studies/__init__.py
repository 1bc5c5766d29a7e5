"""Judged pictures whose label is known: reading them, counting outcomes, and the report of a calibration."""
