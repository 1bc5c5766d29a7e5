"""The toolchain of a workstation: makes bundles, teaches judges, measures both."""
