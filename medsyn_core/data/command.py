"""The commands about data: `python -m medsyn_core data prepare | write | check`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from .cut import Settings, cut
from .errors import DataError
from .load import NAMES, load, open_source
from .phantom.protocol import KINDS, SITES
from .scaling import SCALINGS

READ = tuple(name for name in NAMES if name != "phantom")
"""Sources that read a folder; the phantom is written in the layout of each."""


def add_arguments(subparsers: argparse._SubParsersAction) -> None:
    """Add `data` and its three commands to a parser's subcommands; each sets `run`, a function of the arguments."""
    data = subparsers.add_parser("data", help="prepare a cohort, write the phantom as a folder, check a folder")
    commands = data.add_subparsers(dest="data_command", required=True, metavar="command")

    command = commands.add_parser("prepare", help="make a cohort's arrays in the cache, if they are not there")
    command.add_argument("name", nargs="?", default="phantom", choices=NAMES)
    command.add_argument("root", nargs="?", help="folder of the data (all but the phantom)")
    _phantom(command)
    planes = 'planes a subject, "all", or "cubic": as far apart as pixels (default: the profile\'s)'
    command.add_argument("--slices", type=_number_or("all", "cubic"), help=planes)
    command.add_argument("--scaling", default="percentile", choices=SCALINGS)
    command.add_argument("--fov-mm", type=float, help="field of view (default 192 mm; 240 for phantom heads with CT)")
    command.add_argument("--on-error", default="raise", choices=("raise", "skip"), help="at an unreadable subject")
    command.add_argument("--cache", help="instead of $MEDSYN_CACHE, else ~/.cache/medsyn")
    command.add_argument("--jobs", type=int, help="processes (default: up to 4)")
    command.set_defaults(run=_prepare)

    command = commands.add_parser("write", help="write phantom subjects as a folder of NIfTI files")
    command.add_argument("folder", help="a new folder")
    _phantom(command)
    command.add_argument("--layout", default="brats", choices=READ, help="whose names and folders (default brats)")
    command.set_defaults(run=_write)

    command = commands.add_parser("check", help="read a folder's every file and list what is wrong")
    command.add_argument("name", choices=READ)
    command.add_argument("root", help="folder of the data")
    command.set_defaults(run=_check)


def _phantom(command: argparse.ArgumentParser) -> None:
    command.add_argument("--subjects", type=_number_or("all"), help="how many (default: the profile's)")
    command.add_argument("--px", type=int, help="pixels a side (default: the profile's)")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--kind", default="glioma", choices=KINDS, help="of the phantom")
    command.add_argument("--sites", default="one", choices=SITES, help="of the phantom")


def _number_or(*words: str) -> Callable[[str], int | str]:
    def read(text: str) -> int | str:
        if text in words:
            return text
        try:
            return int(text)
        except ValueError:
            known = " nor ".join(f'"{word}"' for word in words)
            raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor {known}") from None

    return read


def _prepare(arguments: argparse.Namespace) -> None:
    names = ("subjects", "px", "slices", "scaling", "fov_mm", "kind", "sites", "on_error", "seed", "cache", "jobs")
    cohort = load(arguments.name, arguments.root, **{name: getattr(arguments, name) for name in names})
    print(cohort)
    print(cohort.root)
    if report := cohort.report():
        print(report)


def _write(arguments: argparse.Namespace) -> None:
    from ..profiles import profile
    from .write import write_folder

    sizes = profile()
    count = sizes.subjects if arguments.subjects is None else arguments.subjects
    px = sizes.px if arguments.px is None else arguments.px
    source = open_source(
        "phantom", subjects=count, px=px, kind=arguments.kind, sites=arguments.sites, seed=arguments.seed
    )
    write_folder(source, arguments.folder, arguments.layout)
    print(f"{count} subjects written to {arguments.folder}")


def _check(arguments: argparse.Namespace) -> int:
    source = open_source(arguments.name, arguments.root)
    refs, bad = source.subjects(), 0
    for ref in refs:
        try:
            for note in cut(source.read(ref), Settings(slices=1)).notes:
                _say(ref.id, "note", note)
        except DataError as error:
            bad += 1
            _say(ref.id, "ERROR", f"{error.path or ''} {error.problem}".strip(), error.advice)
    print(f"{len(refs)} subjects: {len(refs) - bad} can be prepared, {bad} cannot.")
    return 1 if bad else 0


def _say(subject: str, kind: str, *lines: str) -> None:
    """What was found, and below it what to do: columns would be wider than any terminal."""
    print(f"{subject}  {kind}", *(f"  {line}" for line in lines if line), sep="\n", flush=True)
