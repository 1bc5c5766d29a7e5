"""Two places for bundles on a box, and which of them runs; installing, asking for a trial, going back. Commands and the daemon come in."""
