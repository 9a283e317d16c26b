"""The command line: ``python -m steep <verb>``, one verb per rule of the workflow.

A rule's shell line is the command, so any job can be copied from Snakemake's log and run by hand. Verbs read and write
the files they are given and nothing else; parameters come as JSON. Libraries are imported by the verb that needs them.
"""

import argparse
import logging
import os
import signal
import sys

from steep.cli import benchmarks, figures, results, stpu, study, summary  # noqa: F401 (they declare the verbs)
from steep.cli.verbs import VERBS
from steep.errors import SteepError
from steep.surroundings import explained, shield


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all verbs."""
    parser = argparse.ArgumentParser(prog="steep", description=(__doc__ or "").partition("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="<verb>")
    for verb in VERBS.values():
        verb.add_to(verbs)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run a verb; return 0, or 1 with one line on stderr when the user has to do something."""
    a = build_parser().parse_args(arguments)
    # Several jobs share one terminal: STEEP_JOB says whose line it is.
    job = os.environ.get("STEEP_JOB", a.verb)
    logging.basicConfig(level=logging.INFO, format=f"[{job}] %(message)s", stream=sys.stderr)
    logging.getLogger("brian2").setLevel(logging.WARNING)
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        shield()
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        a.run(a)
    except SteepError as error:
        print(f"[{job}] error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        # Readers and writers say more; whatever else the system refuses is told in its own words. Without an errno it
        # is not the system that complains.
        if error.errno is None:
            raise
        place = f"{error.filename}: " if error.filename is not None else ""
        print(f"[{job}] error: {place}{error.strerror}; make it accessible and run again", file=sys.stderr)
        return 1
    except MemoryError:
        print(
            f"[{job}] error: out of memory; run fewer jobs at a time (--cores) or on a larger machine", file=sys.stderr
        )
        return 1
    except Exception as error:
        line = explained(error)
        if line is None:
            raise
        print(f"[{job}] error: {line}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"[{job}] interrupted; nothing half-written is left, run again to go on", file=sys.stderr)
        return 130
    return 0
