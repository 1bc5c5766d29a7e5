"""An assembled part, rendered: a control board with screws, a connector, capacitors and a label, and what may go wrong with it."""
