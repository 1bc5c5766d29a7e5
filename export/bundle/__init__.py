"""Plans, builds, signs and verifies whole bundles, and adds words to them; only the commands and studies come in."""
