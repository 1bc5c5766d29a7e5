"""Looking again at stored inspections: explain, reproduce, rejudge, compare and teach. Commands come in; the daemon does not."""
