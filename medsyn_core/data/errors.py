"""The one error that every reader of images raises."""

from __future__ import annotations

from pathlib import Path


class DataError(ValueError):
    """Something is wrong with one subject or one file, and there is something its owner can do about it.

    subject: whose data it is (None for a whole folder); path: the file or folder (None for generated data);
    problem: what was found; advice: what to do. All four are kept as attributes.
    """

    def __init__(self, subject: str | None, path: str | Path | None, problem: str, advice: str) -> None:
        self.subject = subject
        self.path = None if path is None else str(path)
        self.problem = problem
        self.advice = advice
        where = [f"subject {subject}"] if subject else []
        where += [self.path] if self.path else []
        super().__init__(f"{', '.join(where) or 'data'}: {problem} {advice}".strip())

    def __reduce__(self):
        # The default would hand the joined message to __init__, which a worker process could not unpickle.
        return DataError, (self.subject, self.path, self.problem, self.advice)
