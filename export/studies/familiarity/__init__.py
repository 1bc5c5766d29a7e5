"""The study of what a station does not know: pictures that show no part, and parts under conditions that are new to it."""
