"""An RTSP camera that misbehaves on demand: ffmpeg encodes pictures that are drawn here, a relay hands its packets on and spoils some.

Beside the address `/line`, which has the faults, `/clean` gives what the encoder sent, to compare with.

`python -m tests.faults.rtsp_relay --fault drop --rate 0.2` serves one and prints its address. By default the faults come and go; with
`--for 0` they stay. The relay knows RTSP 1.0 over TCP (RFC 2326), one stream; ffmpeg comes from the package imageio-ffmpeg.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import math
import random
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, TypeAlias, get_args

import imageio_ffmpeg

from tests.faults.camera_scene import Scene, Sensor

Fault: TypeAlias = Literal["none", "stall", "garbage", "drop", "freeze", "gone"]
"""stall: nothing more comes; garbage: bytes in the packets are replaced; drop: packets are left out; freeze: the camera encodes the same
picture again and again; gone: connections are closed and none is taken."""
ENCODERS = {
    "h264": ("libx264", "-preset", "ultrafast", "-tune", "zerolatency"),
    "h264-b": ("libx264", "-preset", "veryfast", "-bf", "2"),
    "h265": ("libx265", "-preset", "ultrafast", "-tune", "zerolatency", "-x265-params", "log-level=error"),
    "mpeg4": ("mpeg4",),
    "mjpeg": ("mjpeg", "-huffman", "default", "-force_duplicated_matrix", "1", "-pix_fmt", "yuvj420p"),
    # One table of quantities where FFmpeg's receiver wants two: it complains about many pictures, and each is sound.
    "mjpeg-odd": ("mjpeg", "-huffman", "default"),
}
RTP_HEADER_BYTES = 12
GARBAGE_BYTES = 20
MAX_MESSAGE_BYTES = 65_536
WAIT_S = 20.0


class _ClosedError(Exception):
    """The other side has gone."""


class RtspRelay:
    """Takes a stream from a publisher (ANNOUNCE) and gives it to players (DESCRIBE), with the fault that is set at the time."""

    CLEAN = "/clean"

    def __init__(self, *, port: int = 0, rate: float = 1.0, seed: int = 0) -> None:
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self.rate = rate
        self.spoilt = 0
        self.spoil_at_most = math.inf
        self._fault: Fault = "none"
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._players: list[socket.socket] = []
        self._witnesses: list[socket.socket] = []
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._sdp = b""
        self._closed = False
        self.recording = threading.Event()
        self._listen()

    @property
    def url(self) -> str:
        """Where the camera is."""
        return f"rtsp://127.0.0.1:{self.port}/line"

    @property
    def clean_url(self) -> str:
        """Where the stream is without faults."""
        return f"rtsp://127.0.0.1:{self.port}{self.CLEAN}"

    @property
    def fault(self) -> Fault:
        """What is wrong now."""
        return self._fault

    @fault.setter
    def fault(self, fault: Fault) -> None:
        before, self._fault = self._fault, fault
        if fault == "gone" != before:
            _end(self._listener)
            with self._lock:
                players, self._players = self._players, []
            for player in players:
                _end(player)
        elif before == "gone" != fault:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self._listen()

    def close(self) -> None:
        """End every connection."""
        self._closed = True
        _end(self._listener)
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            _end(connection)
        for thread in self._threads:
            thread.join(WAIT_S)

    def _listen(self) -> None:
        self._start(self._accept, self._listener)

    def _start(self, target: Callable[[socket.socket], None], connection: socket.socket) -> None:
        thread = threading.Thread(target=target, args=(connection,), name="rtsp-relay", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with listener, contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._lock:
                    self._connections.append(connection)
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(_ClosedError, OSError, ValueError):
            while not self._closed:
                first = _exactly(connection, 1)
                if first == b"$":
                    channel, count = struct.unpack(">BH", _exactly(connection, 3))
                    packet = _exactly(connection, count)
                    if connection not in self._players + self._witnesses:  # what a player sends are reports of what it got
                        self._hand_on(channel, packet)
                    continue
                method, address, fields, body = _request(connection, first)
                connection.sendall(self._answer(method, address, fields, body))
                if method == "PLAY":
                    with self._lock:
                        (self._witnesses if self.CLEAN in address else self._players).append(connection)
                elif method == "RECORD":
                    self.recording.set()
                elif method == "TEARDOWN":
                    break
        with self._lock:
            for players in (self._players, self._witnesses):
                if connection in players:
                    players.remove(connection)
            self._connections.remove(connection)
        connection.close()

    def _answer(self, method: str, address: str, fields: dict[str, str], body: bytes) -> bytes:
        more, content, status = [], b"", "200 OK"
        if method == "OPTIONS":
            more = ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, ANNOUNCE, RECORD, GET_PARAMETER"]
        elif method == "ANNOUNCE":
            self._sdp = body
        elif method == "DESCRIBE" and self._sdp:
            content = self._sdp
            more = ["Content-Type: application/sdp", f"Content-Base: {address}/"]
        elif method == "DESCRIBE":
            status = "404 Not Found"
        elif method == "SETUP" and "TCP" not in fields.get("transport", ""):
            status = "461 Unsupported Transport"
        elif method == "SETUP":
            more = [f"Transport: {fields['transport']}"]
        head = [f"RTSP/1.0 {status}", f"CSeq: {fields.get('cseq', '0')}", "Session: 1", *more, f"Content-Length: {len(content)}"]
        return "\r\n".join([*head, "", ""]).encode() + content

    def _hand_on(self, channel: int, packet: bytes) -> None:
        with self._lock:
            players, witnesses = list(self._players), list(self._witnesses)
        _send(witnesses, channel, packet)
        fault = self._fault
        if fault == "stall":
            return
        is_media = channel % 2 == 0  # the odd channels carry RTCP
        is_due = self.spoilt < self.spoil_at_most and self._random.random() < self.rate
        if is_media and fault in {"drop", "garbage"} and is_due:
            self.spoilt += 1
            if fault == "drop":
                return
            packet = self._with_garbage(packet)
        _send(players, channel, packet)

    def _with_garbage(self, packet: bytes) -> bytes:
        spoilt = bytearray(packet)
        for _ in range(GARBAGE_BYTES):
            if len(spoilt) > RTP_HEADER_BYTES:
                spoilt[self._random.randrange(RTP_HEADER_BYTES, len(spoilt))] = self._random.randrange(256)
        return bytes(spoilt)


def _send(players: Sequence[socket.socket], channel: int, packet: bytes) -> None:
    raw = struct.pack(">cBH", b"$", channel, len(packet)) + packet
    for player in players:
        try:
            player.sendall(raw)
        except OSError:
            _end(player)


def _request(connection: socket.socket, first: bytes) -> tuple[str, str, dict[str, str], bytes]:
    head = first
    while not head.endswith(b"\r\n\r\n"):
        head += _exactly(connection, 1)
        if len(head) > MAX_MESSAGE_BYTES:
            raise _ClosedError
    line, *lines = head.decode().strip().split("\r\n")
    fields = {name.strip().lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
    method, address, *_ = line.split(" ")
    return method, address.rstrip("/"), fields, _exactly(connection, int(fields.get("content-length", "0")))


def _exactly(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        more = connection.recv(count - len(received))
        if not more:
            raise _ClosedError
        received += more
    return received


def _end(connection: socket.socket) -> None:
    """Wake whoever reads it; the thread that reads it closes it."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class Camera:
    """A relay with an encoder before it. `show(fault)` sets what is wrong; `number` is that of the newest picture."""

    def __init__(self, relay: RtspRelay, process: subprocess.Popen[bytes], sensor: Sensor, fps: float) -> None:
        self.relay = relay
        self.number = 0
        self._process = process
        self._sensor = sensor
        self._fps = fps
        self._frozen = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._expose, name="rtsp-camera", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where the camera is."""
        return self.relay.url

    def show(self, fault: Fault) -> None:
        """Set what is wrong from now on."""
        self._frozen = fault == "freeze"
        self.relay.fault = "none" if fault == "freeze" else fault

    def close(self) -> None:
        """End the encoder and the relay."""
        self._stopping.set()
        self._thread.join(WAIT_S)
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        self.relay.close()
        self._process.kill()
        self._process.wait()

    def _expose(self) -> None:
        due, picture = time.monotonic(), self._sensor.take(0)
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            due += 1 / self._fps
            if not self._frozen:
                self.number += 1
                picture = self._sensor.take(self.number)
            try:
                if self._process.stdin is not None:
                    self._process.stdin.write(picture.data)
            except OSError:
                return


@contextmanager
def rtsp_camera(
    scene: Scene | None = None,
    *,
    codec: str = "h264",
    fps: float = 15.0,
    quality: Sequence[str] = ("-b:v", "2M"),
    key_every: int = 30,
    rate: float = 1.0,
    port: int = 0,
    seed: int = 0,
) -> Iterator[Camera]:
    """Run a camera. `quality` are ffmpeg's options for the bit rate; each `key_every`-th picture is a key frame; `rate` of 0 to 1 is the
    share of packets that a fault spoils."""
    scene = scene or Scene()
    relay = RtspRelay(port=port, rate=rate, seed=seed)
    raw = ["-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{scene.width}x{scene.height}", "-r", str(fps), "-i", "-"]
    coded = ["-c:v", *ENCODERS[codec], "-pix_fmt", "yuv420p", "-g", str(key_every), *quality]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", *raw, *coded, "-f", "rtsp", "-rtsp_transport", "tcp", relay.url]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0)
    camera = Camera(relay, process, Sensor(scene), fps)
    try:
        if not relay.recording.wait(WAIT_S):
            msg = f"ffmpeg did not begin to send {codec} within {WAIT_S:.0f} s: see what it said above"
            raise TimeoutError(msg)
        yield camera
    finally:
        camera.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve a camera with a fault until the time is over or it is interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.rtsp_relay", description=__doc__)
    parser.add_argument("--port", type=int, default=8554, help="Default: %(default)s.")
    parser.add_argument("--codec", choices=tuple(ENCODERS), default="h264", help="Default: %(default)s.")
    parser.add_argument("--fps", type=float, default=15.0, help="Pictures per second. Default: %(default)s.")
    parser.add_argument("--noise", type=float, default=2.0, help="Sensor noise in grey levels. Default: %(default)s.")
    parser.add_argument("--still", action="store_true", help="Nothing moves. Default: a disc does.")
    parser.add_argument("--fault", choices=get_args(Fault), default="none", help="Default: %(default)s.")
    parser.add_argument("--rate", type=float, default=0.2, help="Share of the packets that drop and garbage spoil. Default: %(default)s.")
    parser.add_argument("--every", type=float, default=30.0, metavar="S", help="A fault begins each so many seconds. Default: %(default)s.")
    parser.add_argument(
        "--for", type=float, default=5.0, metavar="S", dest="lasts", help="So long it lasts; 0: always. Default: %(default)s."
    )
    parser.add_argument("--seconds", type=float, metavar="S", help="End after so many seconds. Default: never.")
    options = parser.parse_args(arguments)
    scene = Scene(noise=options.noise, moving=not options.still)
    ends = time.monotonic() + (options.seconds or float("inf"))
    with (
        contextlib.suppress(KeyboardInterrupt),
        rtsp_camera(scene, codec=options.codec, fps=options.fps, rate=options.rate, port=options.port) as camera,
    ):
        sys.stdout.write(f"{camera.url}\n")
        for turn in itertools.count(1 if options.lasts <= 0 else 0):
            fault: Fault = options.fault if turn % 2 else "none"
            camera.show(fault)
            sys.stdout.write(f"{camera.number} {fault}\n")
            sys.stdout.flush()
            pause_s = options.lasts if turn % 2 else options.every - options.lasts
            left_s = ends - time.monotonic()
            if left_s <= 0:
                break
            time.sleep(min(left_s, threading.TIMEOUT_MAX if options.lasts <= 0 else pause_s))
    return 0


if __name__ == "__main__":
    sys.exit(main())
