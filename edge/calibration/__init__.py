"""Calibrated probabilities, guaranteed escape rates and prediction sets from labelled pictures; judges, studies and export come in."""
