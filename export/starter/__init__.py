"""The recipe that makes the starter bundle's weights; the studies come in for its splits, samples and words."""
