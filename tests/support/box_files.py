"""The box.toml of a box whose one station is cell-01 with a folder of pictures."""

from __future__ import annotations

BOX_TOML = """
[box]
name = "line1-box"
site = "plant/line1"

[[stations]]
name = "cell-01"
camera = "pictures"

[[cameras]]
kind = "folder"
name = "pictures"
path = "/srv/pictures"

[metrics]
port = 9108

[[hosts]]
name = "admin"
addresses = ["10.20.9.4"]
way = "in"
ports = [22]
"""
