"""From log-likelihoods to calibrated probabilities, prediction sets and escape limits. Pure numbers, no model."""
