"""The trial of a new bundle in a child process, beside the one that judges. The daemon comes in."""
