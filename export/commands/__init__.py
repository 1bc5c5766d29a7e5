"""The verbs of `kotoba-export`, one module each."""
