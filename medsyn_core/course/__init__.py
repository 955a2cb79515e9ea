"""The course: assignments that change a loss term, and the checks that mark them in seconds on a CPU.

What a student's notebook calls is here: `check`, `probe` and `points`. Solutions are not part of the package.
"""

from medsyn_core.course.selfcheck import check, points, probe

__all__ = ["check", "points", "probe"]
