"""The report of a pilot as one HTML file and as PDF, in Japanese or English. Commands and the pilot come in."""
