"""The verbs of `kotoba-config` that take more than a few lines; `firmware_config/cli.py` adds them to the command."""
