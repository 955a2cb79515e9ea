"""Four papers on multi-modal brain MRI, taken apart into loss terms that can be edited."""

__version__ = "0.1.0"
