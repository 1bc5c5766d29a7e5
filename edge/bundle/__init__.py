"""Opening a bundle: its archive, its signature and digests, and the headers of its files. Pure checks, no model is loaded here."""
