"""What a product is, as a folder of choices: its vocabularies, captions and painted samples; the eye, teaching and commands come in."""
