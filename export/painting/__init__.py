"""Painters of defects and of harmless things, with the ground truth of what they paint; products and studies come in."""
