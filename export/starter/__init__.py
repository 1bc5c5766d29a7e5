"""The starter bundle: how its pictures are painted, its models trained, its weights converted."""
