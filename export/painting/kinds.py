"""The painters by name, and what each is painted with unless a product says otherwise."""

from __future__ import annotations

from collections.abc import Mapping

from export.painting import geometry, harmless, lines, printed, stripes, texture, threads, tone, whole_surface
from export.painting.scene import Brush, Painter

DEFECT_PAINTERS: Mapping[str, Painter] = {
    "straight_line": lines.straight_line,
    "branched_line": lines.branched_line,
    "wavy_line": lines.wavy_line,
    "crack_web": lines.crack_web,
    "scratch": lines.scratch,
    "blob": tone.blob,
    "ragged_spot": tone.ragged_spot,
    "corner_shadow": tone.corner_shadow,
    "edge_shadow": tone.edge_shadow,
    "dark_region": tone.dark_region,
    "missing_part": tone.missing_part,
    "stripes": stripes.stripes,
    "short_stripes": stripes.short_stripes,
    "patch_elsewhere": texture.patch_elsewhere,
    "patch_turned": texture.patch_turned,
    "patch_zoomed": texture.patch_zoomed,
    "patch_shuffled": texture.patch_shuffled,
    "patch_resynthesised": texture.patch_resynthesised,
    "missing_thread": threads.missing_thread,
    "doubled_thread": threads.doubled_thread,
    "whole_scale": whole_surface.whole_scale,
    "whole_contrast": whole_surface.whole_contrast,
    "whole_frequency": whole_surface.whole_frequency,
    "shifted_component": geometry.shifted_component,
    "tilted_component": geometry.tilted_component,
    "missing_component": geometry.missing_component,
    "extra_component": geometry.extra_component,
    "printed_characters": printed.printed_characters,
    "smudged_print": printed.smudged_print,
}

HARMLESS_PAINTERS: Mapping[str, Painter] = {
    "grain": harmless.grain,
    "dislocation_clouds": harmless.dislocation_clouds,
    "soft_clouds": harmless.soft_clouds,
    "finger_stripes": harmless.finger_stripes,
    "dust": harmless.dust,
    "reflection": harmless.reflection,
    "uneven_light": harmless.uneven_light,
    "side_shade": harmless.side_shade,
    "cell_layout": harmless.cell_layout,
}

USUAL_BRUSHES: Mapping[str, Brush] = {
    "straight_line": Brush(strength=(0.12, 0.6), size=(0.2, 1.0)),
    "branched_line": Brush(strength=(0.12, 0.6), size=(0.2, 1.0)),
    "wavy_line": Brush(strength=(0.15, 0.7), size=(0.15, 1.0)),
    "crack_web": Brush(strength=(0.2, 0.8), size=(0.25, 0.9), width=(0.006, 0.014)),
    "scratch": Brush(strength=(0.15, 0.7), size=(0.1, 0.8), width=(0.005, 0.012), direction="both"),
    "blob": Brush(strength=(0.25, 0.9), size=(0.1, 0.46)),
    "ragged_spot": Brush(strength=(0.4, 0.95), size=(0.05, 0.26)),
    "corner_shadow": Brush(strength=(0.4, 0.95), size=(0.12, 0.32)),
    "edge_shadow": Brush(strength=(0.4, 0.95), size=(0.03, 0.16)),
    "dark_region": Brush(strength=(0.2, 0.95), size=(0.1, 0.7)),
    "missing_part": Brush(strength=(0.5, 0.93), size=(0.3, 1.0)),
    "stripes": Brush(strength=(0.2, 0.75), size=(0.02, 0.5)),
    "short_stripes": Brush(strength=(0.15, 0.65), size=(0.1, 0.35)),
    "patch_elsewhere": Brush(strength=(0.6, 1.0), size=(0.03, 0.3)),
    "patch_turned": Brush(strength=(0.6, 1.0), size=(0.03, 0.3)),
    "patch_zoomed": Brush(strength=(0.6, 1.0), size=(0.03, 0.3)),
    "patch_shuffled": Brush(strength=(0.6, 1.0), size=(0.03, 0.3)),
    "patch_resynthesised": Brush(strength=(0.6, 1.0), size=(0.03, 0.3)),
    "missing_thread": Brush(strength=(0.5, 1.0), size=(0.3, 1.5), width=(0.004, 0.014), direction="both"),
    "doubled_thread": Brush(strength=(0.5, 1.0), size=(0.3, 1.5), width=(0.006, 0.02), direction="both"),
    "whole_scale": Brush(strength=(0.3, 1.0)),
    "whole_contrast": Brush(strength=(0.3, 0.8)),
    "whole_frequency": Brush(strength=(0.3, 0.8)),
    "shifted_component": Brush(size=(0.03, 0.15)),
    "tilted_component": Brush(strength=(0.15, 0.7)),
    "missing_component": Brush(),
    "extra_component": Brush(),
    "printed_characters": Brush(strength=(0.3, 0.9), size=(0.1, 0.5), direction="both"),
    "smudged_print": Brush(strength=(0.2, 0.7), size=(0.1, 0.5), direction="both"),
    "grain": Brush(strength=(0.03, 0.13)),
    "dislocation_clouds": Brush(strength=(0.04, 0.38)),
    "soft_clouds": Brush(strength=(0.03, 0.28)),
    "finger_stripes": Brush(strength=(0.04, 0.24)),
    "dust": Brush(strength=(0.1, 0.4), size=(0.004, 0.015), direction="both"),
    "reflection": Brush(strength=(0.05, 0.4), size=(0.05, 0.5)),
    "uneven_light": Brush(strength=(0.05, 0.25)),
    "side_shade": Brush(strength=(0.06, 0.45), size=(0.03, 0.18)),
    "cell_layout": Brush(),
}
"""Ranges that suit most products: start from these."""
