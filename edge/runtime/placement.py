"""Where onnxruntime runs the nodes of a graph: what it has assigned, not what was asked for."""

from __future__ import annotations

from collections import Counter

import onnxruntime as ort

from edge.records import Placement

RECORDED = "session.record_ep_graph_assignment_info"
"""Session option that makes onnxruntime keep the assignment; versions that do not know it ignore it."""


def placement_of(session: ort.InferenceSession, *, stage: str) -> Placement:
    """The providers that the nodes of a session are assigned to. The session was opened with RECORDED = "1".

    An onnxruntime without `get_provider_graph_assignment_info` tells only for a session of one provider.
    """
    asked = tuple(session.get_providers())
    assigned = getattr(session, "get_provider_graph_assignment_info", None)
    if assigned is None:
        return Placement(stage, asked, ())
    counts = Counter[str]()
    for part in assigned():
        counts[part.ep_name] += len(part.get_nodes())
    return Placement(stage, asked, tuple(counts.most_common()))


def devices_of(placement: Placement) -> str:
    """The devices in a few words: `CPU`, `CUDA (120 nodes) and CPU (24 nodes)`."""
    names = {name: name.removesuffix("ExecutionProvider") for name in (*placement.asked, *(name for name, _ in placement.nodes))}
    if len(placement.nodes) > 1:
        return " and ".join(f"{names[name]} ({count} nodes)" for name, count in placement.nodes)
    if placement.nodes:
        return names[placement.nodes[0][0]]
    if len(placement.asked) == 1:
        return names[placement.asked[0]]
    return f"{' or '.join(names[name] for name in placement.asked)}, this onnxruntime does not tell which"
