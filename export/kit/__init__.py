"""The kit that is carried into a closed network: the program as a Debian package, what it needs, a bundle, keys; `python -m export.kit`."""
