"""The daemon of Kotoba Edge.

Its public modules are those in `__all__`: the records, the interfaces, the message on the wire, the errors and the environment
variables of libraries. Import a public name from its module (`from edge.records import Inspection`); all else may change with any version.
Only `environment` is loaded here, before any library: the child process that reads a camera starts without NumPy and pydantic.
"""

from __future__ import annotations

from edge.environment import ENVIRONMENT

__all__ = ["ENVIRONMENT", "errors", "interfaces", "message", "records"]
