"""How often each word is said, window after window, against a reference; the daemon and commands may come in."""
