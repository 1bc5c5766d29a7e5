"""Studies of a bundle on labelled pictures, beside the controls that it has to beat; commands come in."""
