"""Drawing inspections as pictures."""
