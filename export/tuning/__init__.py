"""Teaching the judge: instruction tuning of the language model on descriptions whose labels are known."""
