"""The device's daemon: frames become words, words become verdicts, verdicts are never lost."""
