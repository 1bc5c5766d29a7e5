"""Teaching a product: from good pictures, kinds of defects and words to a bundle; commands, the starter and studies come in."""
