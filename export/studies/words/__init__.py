"""Study: what the quality filter strikes, and whether it is right."""
