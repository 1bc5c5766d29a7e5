"""Verbs of `kotoba-edge` that look at verdicts and teach: one file each, with `register(commands)`."""
