"""The command line: python -m steep <verb>, one verb per rule of the workflow.

A rule's shell line is the command, so any job can be copied from Snakemake's log and run by hand. Verbs read and write
the files they are given and nothing else; parameters come as JSON. Libraries are imported by the verb that needs them.
"""

import argparse
import logging
import os
import signal
import sys
import textwrap
from collections.abc import Iterator

# They declare the verbs, in the order of the work.
from steep.cli import (  # noqa: F401
    benchmarks,
    catalogue,
    config,
    data,
    ends,
    results,
    simulation,
    stpu,
    training,
)
from steep.cli.verbs import GROUPS, VERBS
from steep.errors import SteepError
from steep.extras import advice
from steep.surroundings import explained, shield


def listed() -> str:
    """Return all verbs with their summaries, grouped in the order of the work."""
    lines = []
    for title in GROUPS:
        lines += ["", f"{title}:"]
        for verb in VERBS.values():
            if verb.group == title:
                lines += textwrap.wrap(
                    f"{verb.name:<26}{verb.summary}", 100, initial_indent="  ", subsequent_indent=" " * 28
                )
    return "\n".join(lines)


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of all verbs, or one that knows the options of `only` that verb."""
    parser = argparse.ArgumentParser(
        prog="steep",
        usage="steep <verb> [options]",
        description=f"{(__doc__ or '').partition(chr(10))[0]}\n{listed()}",
        epilog="steep <verb> --help says what a verb takes. One file is made by one verb; the workflow calls them.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(prog="steep", dest="verb", required=True, metavar="<verb>", help=argparse.SUPPRESS)
    for verb in VERBS.values():
        added = verbs.add_parser(verb.name, description=verb.summary)
        if only in (None, verb.name):
            verb.add_options(added)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run a verb; return 0, or 1 with one line on stderr when the user has to do something."""
    words = sys.argv[1:] if arguments is None else arguments
    given = vars(build_parser(next((word for word in words if word in VERBS), "")).parse_args(words))
    verb = VERBS[given.pop("verb")]
    # Several jobs share one terminal: STEEP_JOB says whose line it is.
    job = os.environ.get("STEEP_JOB", verb.name)
    logging.basicConfig(level=logging.INFO, format=f"[{job}] %(message)s", stream=sys.stderr)
    logging.getLogger("brian2").setLevel(logging.WARNING)
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        shield()
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        verb.run(**given)
    except KeyboardInterrupt:
        return interrupted(job)
    except Exception as error:
        # What a library says of being interrupted, and what comes of half an import, is not what went wrong.
        if any(isinstance(cause, KeyboardInterrupt) for cause in causes(error)):
            return interrupted(job)
        line = one_line(error)
        if line is None:
            raise
        print(f"[{job}] error: {line}", file=sys.stderr)
        return 1
    return 0


def interrupted(job: str) -> int:
    """Say that a job was interrupted; return the exit code of it."""
    print(f"[{job}] interrupted; nothing half-written is left, run again to go on", file=sys.stderr)
    return 130


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors while which an error was raised, the last one first."""
    while before := error.__cause__ or error.__context__:
        yield before
        error = before


def one_line(error: Exception) -> str | None:
    """Return what is wrong and what to do, in one line; None for what nobody foresaw."""
    match error:
        case SteepError():
            return str(error)
        # Readers and writers say more; whatever else the system refuses is said in its own words. Without an errno it
        # is not the system that complains.
        case OSError(errno=int()):
            place = f"{error.filename}: " if error.filename is not None else ""
            return f"{place}{error.strerror}; make it accessible and run again"
        case ModuleNotFoundError() if line := advice(error):
            return line
        case MemoryError():
            return "out of memory; run fewer jobs at a time (--cores) or on a larger machine"
        case _:
            return explained(error)
