"""BLIP as two ONNX graphs, vision and decoder."""
