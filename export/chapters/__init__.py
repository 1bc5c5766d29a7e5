"""What the box itself does with a product: its decisions, escapes, trust, printed text, latency. Only the pilot comes in."""
