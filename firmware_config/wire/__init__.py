"""What is on the wire, as files for consumers: made from the types of `edge.message` and `edge.sinks.mqtt`. `cli.py` prints them."""
