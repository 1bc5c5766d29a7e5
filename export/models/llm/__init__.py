"""The language model: GGUF file, conversion from Hugging Face, and its ONNX graph."""
