"""Text data sets: pictures as the words that a box says of them, on disk in shards. Every room that reads or makes such words comes in."""
