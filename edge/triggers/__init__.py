"""When a station inspects."""
