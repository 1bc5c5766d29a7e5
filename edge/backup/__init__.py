"""A box in one file, and a box from such a file; `backup` and `restore` come in, and the daemon asks whether one is unfinished."""
