"""The methods of the papers: one file a paper, read top to bottom in the order of its method section."""

from medsyn_core.methods import d2net, dual_d, hifi_syn, utad
from medsyn_core.methods.saved import load

__all__ = ["d2net", "dual_d", "hifi_syn", "load", "utad"]
