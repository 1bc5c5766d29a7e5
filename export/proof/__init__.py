"""The proof of a model: what its export lost, as figures with limits, the layers that lose the most, and a chart."""
