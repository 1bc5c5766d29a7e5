"""The commented station file that `kotoba-config new` writes."""

from __future__ import annotations

CAMERAS = {
    "folder": """\
kind = "folder"               # pictures in a folder, in name order
path = "/var/lib/kotoba/pictures"
pattern = "*"                 # glob pattern of the names
watch = false                 # true: wait for new files
repeat = false                # true: begin again after the last picture
poll_ms = 200                 # how often a watched folder is read
max_pixels = 64000000         # a picture with more is a FAULT; its pixels are not decoded
max_bytes = 256000000
""",
    "video": """\
kind = "video"                # a video file, read with FFmpeg
path = "/var/lib/kotoba/line.mp4"
every = 1                     # take every n-th frame
""",
    "v4l2": """\
kind = "v4l2"                 # a USB or CSI camera
device = "/dev/v4l/by-id/usb-CAMERA-video-index0"   # this name stays the same after a restart
# width = 1920                # pixels; unset: the driver's default
# height = 1080
# fps = 10.0
open_ms = 5000
read_ms = 3000                # deadline for a frame; then the reader is killed and started again
""",
    "rtsp": """\
kind = "rtsp"                 # a network camera
url = "rtsp://camera.plant.lan/stream1"
# password_file = "/run/credentials/kotoba-edge.service/camera"   # user:password
transport = "tcp"             # "udp" drops packets where TCP waits
open_ms = 5000
read_ms = 3000                # deadline for a frame; then the reader is killed and started again
""",
}
"""The [camera] section by kind."""

_TEMPLATE = """\
# One inspection point. Every key is explained in `kotoba-config schema station`; check this file with `kotoba-config check FILE`.
# Take away "# " before a key to use it.

[station]
name = "{name}"               # letters, digits, - and _: part of the MQTT topics
path = "enterprise/site/area/line"   # site path of the topics
language = "en"               # of the operator: "en" or "ja"

[camera]
{camera}
[picture]                     # limits of a healthy picture: a picture outside of them is a FAULT
# roi = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]   # region of interest: corners as shares of width and height
# width = 1920                # another size is a FAULT
# height = 1080
min_side = 32
blank_spread = 2.0            # blank if the 1st and 99th percentile of grey levels are closer than this
allow_printed_text = false    # false: printed text in the picture is REVIEW; true: the parts carry printed text
# bit_depth = 12              # of 16-bit picture files: the bits that the camera fills; unset: such a file is a FAULT
# black_level = 0             # of 16-bit picture files: the value that is black
alpha = "refuse"              # a file with transparency: "refuse" is a FAULT; "ignore", or laid over "black" or "white"
pages = "refuse"              # a file with more than one picture or page: "refuse" is a FAULT; "first" is judged
allow_black_rows = false      # true: a BMP, PGM, PPM or plain TIFF may hold a long run of zeros
# frozen_after = 10           # after this many identical frames in a row the camera is frozen: FAULT

[trigger]
kind = "continuous"           # every frame; or "interval"
interval_ms = 1000            # with "interval": one frame each
# deadline_ms = 2000          # a verdict later than this after capture is REVIEW

# The answers of the judge, at least two. The language model reads name and meaning; the line gets the decision.
[[labels]]
name = "good"
meaning = "no defect can be seen"
decision = "ok"

[[labels]]
name = "defective"
meaning = "a defect can be seen"
decision = "ng"               # "ok", "ng" or "review"

[describe]                    # how many words a picture gets, and how captions are generated
tags = 6
attributes = 6
beams = 1                     # of the first caption; 1 is greedy decoding
samples = 4                   # sampled captions after it
# extra_tags = ["rust"]       # tags beside those of the bundle's vocabulary, a handful
# extra_attributes = []
filter = false                # true: strike words and caption phrases that the picture does not show
top_k = 50
temperature = 1.0
max_tokens = 24
seed = 0                      # the same picture gives the same words

# [[describe.terms]]          # your terms, and the wordings in captions that are replaced by them
# name = "crack"
# also = ["fracture line", "fissure"]

[judge]
template = "default"          # an instruction template in the bundle's templates/
# adapter = "product"         # a LoRA adapter in the bundle's llm/adapters/
# template_file = "/etc/kotoba/templates/cell.txt"   # this station's own; it replaces `template`
method = "rank"               # "contextual" for a model without an adapter; "generate": as if decoded under a grammar of the labels
# calibration = "/var/lib/kotoba/calibration/cell.json"   # written by `kotoba-edge calibrate`
# lessons = "/var/lib/kotoba/lessons/cell.jsonl"          # written by `kotoba-edge learn`
cached_scores = 4096          # size of the score cache: the same words are judged once; 0 switches it off
min_confidence = 0.5          # a verdict with less is REVIEW
min_margin = 0.0              # a verdict that is ahead of the next decision by less is REVIEW

[outputs.mqtt]
host = "localhost"
port = 1883
protocol = "5"                # or "3.1.1", which cannot report that no one subscribes
# username = "kotoba"
# password_file = "/run/credentials/kotoba-edge.service/mqtt"
keepalive_s = 10
ack_timeout_s = 10.0
require_subscriber = true     # protocol 5: keep a verdict while no one subscribes, and raise an alarm

# [outputs.mqtt.tls]
# ca_file = "/etc/kotoba/tls/ca.pem"
# cert_file = "/etc/kotoba/tls/station.pem"
# key_file = "/run/credentials/kotoba-edge.service/tls.key"

# [outputs.jsonl]
# path = "/var/lib/kotoba/verdicts.jsonl"
"""


def station_text(name: str, *, camera: str) -> str:
    """Give the text of a new station file; `camera` is a key of CAMERAS."""
    return _TEMPLATE.format(name=name, camera=CAMERAS[camera])
