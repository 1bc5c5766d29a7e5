"""The daemon: cameras to inspectors to spool to outputs, with metrics and systemd's watchdog."""
