"""Protocols: which pictures teach and which are measured, the scorers and controls, and their figures. Only the pilot comes in."""
