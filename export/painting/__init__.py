"""Rendered cells and defects painted onto pictures of good cells, with their ground truth; the starter recipe and the studies come in."""
