"""The command line: `python -m medsyn_core <command>`; see `--help` of each."""

from __future__ import annotations

import argparse
import os
import sys

from medsyn_core import __version__
from medsyn_core.course import commands as course
from medsyn_core.data import command
from medsyn_core.experiments import commands


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    main = argparse.ArgumentParser(prog="python -m medsyn_core", description=__doc__)
    subparsers = main.add_subparsers(dest="command", required=True, metavar="command")
    commands.add_arguments(subparsers)
    command.add_arguments(subparsers)
    course.add_arguments(subparsers)
    subparsers.add_parser("version", help="print the version").set_defaults(run=lambda _: print(__version__))
    return main


def main(argv: list[str] | None = None) -> int:
    """Run one command; 0 if it did what it should, 1 with one line on stderr if not, 2 for a wrong call."""
    arguments = parser().parse_args(argv)
    try:
        status = arguments.run(arguments) or 0
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # somebody reads the first lines only: `… | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; what was finished is kept.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
