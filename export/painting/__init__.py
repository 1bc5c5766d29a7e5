"""Defects painted with known truth onto pictures of good parts, and rendered cells."""
