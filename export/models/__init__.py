"""Models from a checkpoint to artefacts that a device runs: export, quantization, vocabularies. For the rooms that build bundles."""
