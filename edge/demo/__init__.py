"""The demonstration: sample pictures as a camera, an embedded broker, and the verdicts as they arrive. Commands and studies come in."""
