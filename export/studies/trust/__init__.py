"""Study of calibration: are probabilities right, do escape guarantees and prediction sets hold, also on other modules and materials."""
