"""The verbs of `kotoba-edge`, one module each with `register(commands)`. Only edge/cli.py comes in."""
