"""Inference runtime: sessions of onnxruntime and the number of threads. For describers, judges and studies."""
