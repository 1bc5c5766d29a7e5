"""Study: printed text in the picture as an attack, and the fit of the detector against it."""
