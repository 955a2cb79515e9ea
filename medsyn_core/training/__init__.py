"""The engine: loss tables, recipes and the loop. It knows players and terms, and no paper by name."""

from medsyn_core.training.recipe import Method, Player, Recipe, Training
from medsyn_core.training.run import Run, Watch, in_parts
from medsyn_core.training.table import LossError, LossTable, LossTerm
from medsyn_core.training.trace import Trace, TraceError, entry

__all__ = [
    "LossError",
    "LossTable",
    "LossTerm",
    "Method",
    "Player",
    "Recipe",
    "Run",
    "Trace",
    "TraceError",
    "Training",
    "Watch",
    "entry",
    "in_parts",
]
