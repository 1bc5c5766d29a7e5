"""`kotoba-edge consume`: every verdict of a plant into a database, exactly once."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from edge.commands.options import Commands, add_command, add_log_format_option
from firmware_config.errors import ConfigError, first_mistake
from firmware_config.exit_codes import DONE, FAILED
from firmware_config.outputs import MqttOutput, MqttTls
from firmware_config.settings import BoxSettings

if TYPE_CHECKING:
    from edge.consumer.consumer import Consumer
    from edge.consumer.store import Store

STOP_S = 4.0
"""From SIGTERM to the end: what is not committed by then is not acknowledged either, and comes again."""
TLS_FILES = ("ca_file", "cert_file", "key_file")


def register(commands: Commands) -> None:
    """Add the verb."""
    consume = add_command(
        commands,
        "consume",
        summary="Take the verdicts of all boxes of a root into a database, each exactly once.",
        details="It asks the boxes for what is missing. It runs until SIGTERM, on any machine that reaches the broker, and logs to stderr.",
        example="kotoba-edge consume --broker mqtt.example:8883 --root plant/line1 --ca-file ca.pem --sqlite verdicts.sqlite",
        run=_consume,
        quiet=False,
    )
    _add_database(consume)
    _add_broker(consume)
    add_log_format_option(consume)
    consume.add_argument(
        "--from-start",
        action="store_true",
        help="Ask for all verdicts that a box still has of a station that is new here. Default: only from the first contact on.",
    )
    consume.add_argument(
        "--gap-patience-s",
        type=_seconds,
        default=10.0,
        metavar="SECONDS",
        help="Ask for missing verdicts when for so many seconds none of them has arrived by itself. Default: %(default)s.",
    )
    consume.add_argument(
        "--until-idle",
        type=_seconds,
        metavar="SECONDS",
        help="End when for so many seconds nothing came or was asked for: 0 if all are there, 1 if not. Default: run on.",
    )
    consume.add_argument(
        "--status",
        action="store_true",
        help="Print what the database holds of each station, as one JSON object, and end: 1 if verdicts are missing. It may be in use.",
    )


def _add_database(consume: argparse.ArgumentParser) -> None:
    databases = consume.add_mutually_exclusive_group(required=True)
    databases.add_argument("--sqlite", type=Path, metavar="FILE", help="The SQLite file for the verdicts; it is made if it is not there.")
    databases.add_argument(
        "--postgres",
        type=Path,
        metavar="DSN_FILE",
        help="A file with the connection string of a PostgreSQL database in one line: host=db dbname=line user=kotoba password=...",
    )
    databases.add_argument(
        "--line-protocol",
        type=Path,
        metavar="FILE",
        help="The file to which lines of InfluxDB's line protocol are appended; FILE.state.sqlite beside it holds what has arrived.",
    )


def _add_broker(consume: argparse.ArgumentParser) -> None:
    consume.add_argument("--broker", metavar="HOST[:PORT]", help="The MQTT broker. Default of the port: 1883, with --ca-file 8883.")
    consume.add_argument("--root", metavar="TOPIC", help="What all topics begin with: `path` of the stations, such as plant/line1.")
    consume.add_argument("--username", metavar="NAME", help="The name to log in with. Default: none.")
    consume.add_argument("--password-file", type=Path, metavar="FILE", help="A file with the password in one line. Default: none.")
    consume.add_argument("--ca-file", type=Path, metavar="FILE", help="Certificates that the broker's must lead to (PEM). Default: no TLS.")
    consume.add_argument("--cert-file", type=Path, metavar="FILE", help="The certificate to show to the broker (PEM). Default: none.")
    consume.add_argument("--key-file", type=Path, metavar="FILE", help="The private key of --cert-file (PEM). Default: none.")
    consume.add_argument("--protocol", choices=("5", "3.1.1"), default="5", help="The version of MQTT. Default: %(default)s.")


def _consume(options: argparse.Namespace, _settings: BoxSettings) -> int:
    store = _store(options)
    if options.status:
        return _print_status(store)
    from edge.consumer.consumer import Consumer

    if options.broker is None or options.root is None:
        options.wrong_usage("the following arguments are required: --broker, --root")
    consumer = Consumer(
        _broker(options),
        root=_root(options.root),
        store=store,
        from_start=options.from_start,
        gap_patience_s=options.gap_patience_s,
        until_idle_s=options.until_idle,
    )
    _run_until_signal(consumer)
    return FAILED if options.until_idle is not None and not consumer.complete else DONE


def _run_until_signal(consumer: Consumer) -> None:
    """In a thread: a database that hangs in native code must not keep a signal from being seen."""
    stop, ended, failures = threading.Event(), threading.Event(), list[BaseException]()

    def run() -> None:
        try:
            consumer.run(stop)
        except BaseException as err:  # noqa: BLE001 -- the top of a thread: raised again below
            failures.append(err)
        ended.set()

    def end(*_: object) -> None:
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        threading.Thread(target=run, name="consumer", daemon=True).start()
        while not ended.is_set() and not stop.wait(0.5):
            pass
        if not ended.wait(STOP_S if stop.is_set() else None):
            print("kotoba-edge: the database or the broker does not let go; what is not committed comes again", file=sys.stderr)
            sys.stderr.flush()
            os._exit(DONE)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if failures:
        raise failures[0]


def _print_status(store: Store) -> int:
    from edge.consumer.status import status

    told = status(store.look())
    print(json.dumps(told, ensure_ascii=False))
    return FAILED if any(station["missing"] for station in told["stations"].values()) else DONE


def _store(options: argparse.Namespace) -> Store:
    """The database that the options name; only its own library is loaded."""
    if options.sqlite is not None:
        from edge.consumer.sqlite_store import SqliteStore

        return SqliteStore(options.sqlite)
    if options.postgres is not None:
        from edge.consumer.postgres_store import PostgresStore

        return PostgresStore.from_file(options.postgres)
    from edge.consumer.line_protocol_store import LineProtocolStore

    return LineProtocolStore(options.line_protocol)


def _broker(options: argparse.Namespace) -> MqttOutput:
    """The broker as a box's station file would have it.

    Raises:
        ConfigError: a value is wrong, or options contradict each other.
    """
    tls = {key: value for key in TLS_FILES if (value := getattr(options, key)) is not None}
    if tls and "ca_file" not in tls:
        options.wrong_usage("--cert-file and --key-file need --ca-file")
    host, port = _host_and_port(options.broker, 8883 if tls else 1883)
    try:
        return MqttOutput(
            host=host,
            port=port,
            protocol=options.protocol,
            tls=MqttTls(**tls) if tls else None,
            username=options.username,
            password_file=options.password_file,
        )
    except ValidationError as err:
        msg = f"--broker {options.broker}: {first_mistake(err)}"
        raise ConfigError(msg) from err


def _host_and_port(text: str, default: int) -> tuple[str, int]:
    """`host`, `host:port`, `::1` or `[::1]:port`."""
    host, colon, port = text.rpartition(":")
    if not colon or ("]" in port) or (":" in host and not host.endswith("]")):
        return text.strip("[]"), default
    try:
        return host.strip("[]"), int(port)
    except ValueError:
        msg = f"--broker {text}: {port!r} is no port: give HOST or HOST:PORT, such as mqtt.example:8883"
        raise ConfigError(msg) from None


def _root(text: str) -> str:
    if text.strip("/") != text or not text or any(character in text for character in "+#\0"):
        msg = f"--root {text}: a root is words with slashes between them, such as plant/line1, as `path` of the stations says"
        raise ConfigError(msg)
    return text


def _seconds(text: str) -> float:
    """Convert an argument to seconds.

    Raises:
        argparse.ArgumentTypeError: they are not between 0.1 and a day.
        ValueError: the text is no number.
    """
    seconds = float(text)
    if not 0.1 <= seconds <= 86_400:
        msg = f"{text} is not between 0.1 and 86400 seconds"
        raise argparse.ArgumentTypeError(msg)
    return seconds
