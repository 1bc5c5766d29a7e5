"""From a checkpoint to an artefact that a device runs: export, quantization, vocabulary."""
