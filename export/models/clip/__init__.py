"""CLIP and SigLIP as two ONNX graphs."""
