"""Every text that operators read in their language, English and Japanese. Texts only, no logic; any room may come in."""
