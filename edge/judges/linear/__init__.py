"""The linear judge: fixed weights of words, without a language model. The judges' own code and the workstation's fit come in."""
