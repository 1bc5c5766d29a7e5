"""The configuration of a device: stations, boards, bundle manifests and signatures. Pure: no ML, no threads."""
