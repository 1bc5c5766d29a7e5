"""What a model lost on its way into the bundle: figures with their limits, the layers to suspect, and a chart."""
