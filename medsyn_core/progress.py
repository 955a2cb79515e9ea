"""Whether to say how far things are."""

import os


def quiet() -> bool:
    """No bars and no words about progress: MEDSYN_PROGRESS=0, as the book is built, whose readers wait for nothing."""
    return os.environ.get("MEDSYN_PROGRESS", "1") == "0"
