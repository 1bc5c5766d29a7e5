"""Study: what a confidence is worth."""
