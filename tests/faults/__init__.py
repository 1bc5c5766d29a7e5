"""What can go wrong around a box, made to order: each tool is a context manager for tests and a command (docs/faults.md)."""
