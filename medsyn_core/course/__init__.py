"""The course: assignments that change a loss term, and the checks that mark them in seconds on a CPU.

What a student's notebook calls is here: `check`, `probe` and `points`. Solutions are not part of the package.
"""

from typing import Any

__all__ = ["check", "points", "probe"]


def __getattr__(name: str) -> Any:
    """The three calls, imported when they are first asked for: the command line must not wait for torch."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from medsyn_core.course import selfcheck

    return getattr(selfcheck, name)
