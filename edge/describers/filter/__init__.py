"""The quality filter: which words and caption phrases the picture does not support. For describers only."""
