"""How far domains lie apart in pixels, features, words and hidden states. The pilot and protocols come in."""
