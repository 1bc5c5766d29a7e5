"""The eye: an ImageNet-initialised convolutional tower that learns the words of a product, for the CLIP and the BLIP of its bundle."""
