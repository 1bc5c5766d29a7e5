"""Every text that operators read, in English and Japanese. Texts only, no logic."""
