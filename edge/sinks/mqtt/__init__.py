"""The MQTT output: connection, delivery and the retained topics."""
