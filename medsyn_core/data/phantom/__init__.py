"""Synthetic multi-modal brains on real average anatomy: no download, ground truth for everything."""

from medsyn_core.data.phantom.grid import Grid
from medsyn_core.data.phantom.notice import NOTICE
from medsyn_core.data.phantom.source import PhantomSource
from medsyn_core.data.phantom.subject import GENERATOR_VERSION, PhantomSubject

__all__ = ["GENERATOR_VERSION", "NOTICE", "Grid", "PhantomSource", "PhantomSubject"]
