"""How captions are generated token by token: greedy, sampled, by beam, and ahead of time from drafts."""
