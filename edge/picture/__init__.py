"""Pictures: decoding, health checks, the region of interest, printed text, and the pixel values that a vision tower takes."""
