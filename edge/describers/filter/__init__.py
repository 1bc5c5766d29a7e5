"""The quality filter: strikes what the picture does not support, uses the station's terms. For describers and the study of words."""
