"""Study of the typographic attack: printed text that asks for an OK, the guards against it, and what they miss; the command comes in."""
