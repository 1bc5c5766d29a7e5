"""Writes a rendered tree of system files onto a root, all or nothing; only the command `kotoba-config apply` comes in."""
