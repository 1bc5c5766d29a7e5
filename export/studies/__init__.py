"""Pilot study: how good a bundle is on labelled pictures, beside the controls without which no claim stands."""
