"""Study of the words: their precision and recall before and after the quality filter, against the ground truth of painted pictures."""
