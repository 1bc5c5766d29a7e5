"""Verdicts into a database, each exactly once; for `kotoba-edge consume` and for an integrator's own Python (docs/consumer.md).

A page of it, here with a hook that writes a table of its own in the same transaction:

    import threading
    from edge.consumer import Consumer, MqttOutput, SqliteStore

    def count(verdict, connection):
        connection.execute("CREATE TABLE IF NOT EXISTS tally (decision TEXT PRIMARY KEY, parts INTEGER)")
        connection.execute(
            "INSERT INTO tally VALUES (?, 1) ON CONFLICT (decision) DO UPDATE SET parts = parts + 1", (verdict.decision,)
        )

    consumer = Consumer(
        MqttOutput(host="127.0.0.1", port=1883), root="plant/line1", store=SqliteStore("verdicts.sqlite"), on_verdict=count
    )
    consumer.run(threading.Event())
"""

from __future__ import annotations

from edge.consumer.consumer import Consumer
from edge.consumer.line_protocol_store import LineProtocolStore
from edge.consumer.messages import VerdictMessage
from edge.consumer.postgres_store import PostgresStore
from edge.consumer.sqlite_store import SqliteStore
from firmware_config.outputs import MqttOutput, MqttTls

__all__ = ["Consumer", "LineProtocolStore", "MqttOutput", "MqttTls", "PostgresStore", "SqliteStore", "VerdictMessage"]
