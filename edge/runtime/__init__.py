"""What runs the models: sessions of onnxruntime and how many threads they get. For describers and judges."""
