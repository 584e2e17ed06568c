"""What evaluation, figures and explorer share: one choice of images, the passes over them, and maps."""

from distaff.analysis._analysis import Analysis, Bound
from distaff.analysis._choice import SPLIT_NAMES, Choice, match, open_data
from distaff.analysis._correctness import (
    Columns,
    code_table,
    free_name,
    headline,
    is_right,
    judge,
    known_mean,
    named_codes,
    symmetry_folds,
    symmetry_note,
)
from distaff.analysis._latents import (
    MOVES_ABOVE,
    UNUSED_BELOW,
    Collapse,
    LatentUse,
    Strongest,
    judge_collapse,
)
from distaff.analysis._maps import (
    FAR,
    NEIGHBOURS,
    Map,
    MapKind,
    Neighbours,
    Plane,
    confidence,
    grid_points,
    has_umap,
    principal_map,
    tsne_map,
)
from distaff.analysis._passes import Encoded, jacobians, lacks_bound
from distaff.analysis._reference import ReferenceClassifier
from distaff.analysis._tiles import model_sheet, tile_images, to_bytes, to_gif

__all__ = [
    "FAR",
    "MOVES_ABOVE",
    "NEIGHBOURS",
    "SPLIT_NAMES",
    "UNUSED_BELOW",
    "Analysis",
    "Bound",
    "Choice",
    "Collapse",
    "Columns",
    "Encoded",
    "LatentUse",
    "Map",
    "MapKind",
    "Neighbours",
    "Plane",
    "ReferenceClassifier",
    "Strongest",
    "code_table",
    "confidence",
    "free_name",
    "grid_points",
    "has_umap",
    "headline",
    "is_right",
    "jacobians",
    "judge",
    "judge_collapse",
    "known_mean",
    "lacks_bound",
    "match",
    "model_sheet",
    "named_codes",
    "open_data",
    "principal_map",
    "symmetry_folds",
    "symmetry_note",
    "tile_images",
    "to_bytes",
    "to_gif",
    "tsne_map",
]
