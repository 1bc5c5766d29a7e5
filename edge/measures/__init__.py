"""Measured words: how a picture differs from the good pictures of its station, in numbers and in words; no model, only pixels."""
