"""Looking again at stored inspections: explain, reproduce, rejudge, compare and teach."""
