"""The inspector, the policy that decides, and golden pictures. The daemon, the commands, reviews, studies and `export` come in."""
