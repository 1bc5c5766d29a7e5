"""What a device is told to be: stations, boards, bundle manifests and signatures. Pure: no ML, no threads."""
