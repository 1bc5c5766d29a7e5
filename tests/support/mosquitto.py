"""A real broker on a free loopback port, with certificates of its own where TLS is asked for."""

from __future__ import annotations

import ipaddress
import os
import select
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from firmware_config.outputs import MqttTls

START_S = 20.0
WINDOW = 20
"""Messages that a consumer has not acknowledged yet: so many come twice when the connection is lost."""
USER, PASSWORD = "box", "sesame"


class Mosquitto:
    """One broker in `folder`; it may be killed and started again on the same port, with what it had saved.

    Where it is `eager`, persistence is as eager as mosquitto can: it saves at each change. `settings` are more lines of its file. `tls` is
    what a box needs to trust it; boxes prove nothing but the password, where one is asked for.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        tls: bool = False,
        password: bool = False,
        eager: bool = True,
        settings: Sequence[str] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.port = port or free_port()
        self.tls = MqttTls(ca_file=folder / "ca.pem") if tls else None
        self.password_file = folder / "password" if password else None
        self._process: subprocess.Popen[bytes] | None = None
        if tls:
            write_certificates(folder)
        if password:
            (folder / "password").write_text(PASSWORD + "\n")
            self._run("mosquitto_passwd", "-b", "-c", str(folder / "users"), USER, PASSWORD)
        saving = ("persistence true", f"persistence_location {folder}/", "autosave_interval 1", "autosave_on_changes true")
        (folder / "mosquitto.conf").write_text("\n".join([*self._settings(), *(saving if eager else ()), *settings, ""]))

    def start(self) -> None:
        """Start it; returns when it accepts connections."""
        with (self._folder / "log").open("ab") as log:
            command = [program("mosquitto"), "-c", str(self._folder / "mosquitto.conf")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until = time.monotonic() + START_S
        pause = threading.Event()
        while not accepts(self.port):
            log_text = (self._folder / "log").read_text()
            assert self._process.poll() is None, f"mosquitto ended: {log_text}"
            assert time.monotonic() < until, f"mosquitto does not accept connections: {log_text}"
            pause.wait(0.02)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it politely; it saves what it has."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(START_S)
            self._process = None

    def _settings(self) -> list[str]:
        lines = [
            f"listener {self.port} 127.0.0.1",
            "max_queued_messages 1000000",
            f"max_inflight_messages {WINDOW}",
            f"allow_anonymous {'false' if self.password_file else 'true'}",
        ]
        if os.geteuid() == 0:
            lines.append("user root")  # else it gives up root and cannot write here
        if self.password_file:
            lines.append(f"password_file {self._folder / 'users'}")
        if self.tls:
            lines += [
                f"cafile {self._folder / 'ca.pem'}",
                f"certfile {self._folder / 'broker.pem'}",
                f"keyfile {self._folder / 'broker.key'}",
            ]
        return lines

    def _run(self, *command: str) -> None:
        subprocess.run([program(command[0]), *command[1:]], check=True, capture_output=True, timeout=START_S)


def program(name: str) -> str:
    """Find a program, also in the folder for administrators, where Debian puts mosquitto."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")
    assert found is not None, f"{name} is missing: apt-get install mosquitto"
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def accepts(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(0.0)
        client.connect_ex(("127.0.0.1", port))
        select.select([], [client], [], 1.0)
        return client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


def write_certificates(folder: Path) -> None:
    """Write ca.pem, and broker.pem and broker.key signed by it."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"test authority {folder.name}")])
    ca = _certificate(ca_name, ca_key, ca_name, ca_key, x509.BasicConstraints(ca=True, path_length=0))
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    broker = _certificate(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")]), key, ca_name, ca_key, address)
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    (folder / "broker.pem").write_bytes(broker.public_bytes(serialization.Encoding.PEM))
    (folder / "broker.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _certificate(
    name: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> x509.Certificate:
    now = datetime.now(timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    )
    return builder.sign(issuer_key, hashes.SHA256())
