"""Evidence: the pictures behind verdicts, kept on disk. The daemon writes them; reviews and `kotoba-edge doctor` look."""
