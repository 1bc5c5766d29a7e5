"""How captions are generated token by token: greedily with drafts, by sampling, by beam search. For captioners only."""
