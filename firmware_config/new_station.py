"""The station file that `kotoba-config new` writes: complete, commented, and ready to be edited."""

from __future__ import annotations

CAMERAS = {
    "folder": """\
kind = "folder"               # pictures in a folder, in name order
path = "/var/lib/kotoba/pictures"
pattern = "*"                 # which names count
watch = false                 # true: wait for new files
repeat = false                # true: start again at the end
poll_ms = 200                 # how often a watched folder is looked at
max_pixels = 64000000         # a larger picture is a FAULT; its header is enough to know
max_bytes = 256000000
""",
    "video": """\
kind = "video"                # a video file, read with FFmpeg
path = "/var/lib/kotoba/line.mp4"
every = 1                     # keep one frame of this many
""",
    "v4l2": """\
kind = "v4l2"                 # a USB or CSI camera
device = "/dev/v4l/by-id/usb-CAMERA-video-index0"   # this name stays the same after a restart
# width = 1920                # as the driver offers them; unset: its default
# height = 1080
# fps = 10.0
open_ms = 5000
read_ms = 3000                # no frame for this long: the reader is killed and started again
""",
    "rtsp": """\
kind = "rtsp"                 # a network camera
url = "rtsp://camera.plant.lan/stream1"
# password_file = "/run/credentials/kotoba-edge.service/camera"   # user:password
transport = "tcp"             # "udp" drops packets where TCP waits
open_ms = 5000
read_ms = 3000                # no frame for this long: the reader is killed and started again
""",
}
"""The camera section by kind."""

_TEMPLATE = """\
# One inspection point. Every key is explained in `kotoba-config schema station`; check this file with `kotoba-config check FILE`.
# A line that starts with "# " before a key is a choice that is not taken.

[station]
name = "{name}"               # letters, digits, - and _: part of the MQTT topics
path = "enterprise/site/area/line"   # site path of the topics
language = "en"               # of the operator: "en" or "ja"

[camera]
{camera}
[picture]                     # what a healthy picture is; anything else is a FAULT, never an OK
# roi = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]   # look only here: corners as shares of width and height
# width = 1920                # another size is a FAULT
# height = 1080
min_side = 32
blank_spread = 2.0            # grey levels between the 1st and 99th percentile below which a picture is blank
allow_printed_text = false         # true: parts bear print by right; else print in the picture is REVIEW
# frozen_after = 10           # this many identical frames in a row mean a frozen camera

[trigger]
kind = "continuous"           # or "interval"
interval_ms = 1000            # with "interval"
# deadline_ms = 2000          # a verdict later than this after capture is REVIEW

# What the judge may answer, at least two. The meaning goes to the language model, the decision to the line.
[[labels]]
name = "good"
meaning = "no defect can be seen"
decision = "ok"

[[labels]]
name = "defective"
meaning = "a defect can be seen"
decision = "ng"               # "ok", "ng" or "review"

[describe]                    # how many words, and how captions are made
tags = 6
attributes = 6
beams = 1                     # 1 is greedy
samples = 4                   # sampled captions beside it
# extra_tags = ["rust"]       # words beside those of the bundle's vocabulary, a handful
# extra_attributes = []
filter = false                # true: check every word against the picture, strike what it does not show
top_k = 50
temperature = 1.0
max_tokens = 24
seed = 0                      # the same picture gives the same words

# [[describe.terms]]          # your words, and the wordings that are read as them
# name = "crack"
# also = ["fracture line", "fissure"]

[judge]
template = "default"          # a file of the bundle's templates/
# adapter = "product"         # a LoRA of the bundle's llm/adapters/
# template_file = "/etc/kotoba/templates/cell.txt"   # your own, in the place of the bundle's
method = "rank"               # "contextual" for a model without an adapter; "generate": as if decoded under a grammar of the labels
# calibration = "/var/lib/kotoba/calibration/cell.json"   # of `kotoba-edge calibrate`
# lessons = "/var/lib/kotoba/lessons/cell.jsonl"          # of `kotoba-edge learn`
cached_scores = 4096          # size of the score cache: the same words are judged once; 0 switches it off
min_confidence = 0.5          # below it: REVIEW
min_margin = 0.0              # to the second label; below it: REVIEW

[outputs.mqtt]
host = "localhost"
port = 1883
protocol = "5"                # or "3.1.1"; only 5 tells when nobody listens
# username = "kotoba"
# password_file = "/run/credentials/kotoba-edge.service/mqtt"
keepalive_s = 10
ack_timeout_s = 10.0
require_subscriber = true     # protocol 5: keep a verdict that nobody listens to, and raise an alarm

# [outputs.mqtt.tls]
# ca_file = "/etc/kotoba/tls/ca.pem"
# cert_file = "/etc/kotoba/tls/station.pem"
# key_file = "/run/credentials/kotoba-edge.service/tls.key"

# [outputs.jsonl]
# path = "/var/lib/kotoba/verdicts.jsonl"
"""


def station_text(name: str, *, camera: str) -> str:
    """Write the station file of a new inspection point; `camera` is a key of CAMERAS."""
    return _TEMPLATE.format(name=name, camera=CAMERAS[camera])
