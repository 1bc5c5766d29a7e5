"""The verbs of `kotoba-export`, one module each. For export/cli.py only."""
