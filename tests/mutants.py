"""Mutation testing: the code is changed in one place, and a test must fail. `make mutants` runs it.

mutmut makes the mutants of the modules that pyproject.toml names; a seeded sample of them is tried, each on the tests
that reach its function. Left out are changes that no test is meant to see: the wording of errors, logs and notes, and
the `strict` of zip, which only guards. usage: python mutants.py [COUNT] [SEED]
"""

import json
import random
import subprocess
import sys
from pathlib import Path

from mutmut.mutation.diff_apply import get_diff_for_mutant

MADE = Path("mutants/src")
KILLED, SURVIVED, UNTESTED, SLOW = (1, 3), (0,), (5, 33), (36, 24, -24, 152, 255)


def codes() -> dict[str, int | None]:
    """Return the exit code of the tests for every mutant, None where it was not tried."""
    return {
        name: code
        for path in sorted(MADE.rglob("*.meta"))
        for name, code in json.loads(path.read_text())["exit_code_by_key"].items()
    }


def change(name: str) -> tuple[str, str]:
    """Return the lines that a mutant takes out and puts in."""
    lines = get_diff_for_mutant(name).splitlines()
    sides = ([line[1:].strip() for line in lines if line[:1] == sign and line[:3] != 3 * sign] for sign in "-+")
    before, after = (" ".join(side) for side in sides)
    return before, after


def wording(before: str, after: str) -> bool:
    """Return whether only prose changed (a text with blanks in it), what a log says, or the `strict` of zip."""
    same = before.casefold() == after.replace("XX", "").casefold()
    prose = same and any(" " in part.strip() for part in before.replace("'", '"').split('"')[1::2])
    guard = "strict=True" in before and before.replace(", strict=True", "") in (
        after.replace(", strict=False", "").replace(", strict=None", "").replace(", )", ")")
    )
    return prose or guard or before.startswith(("raise ", "log."))


def sample(count: int, seed: int) -> list[str]:
    """Return mutants drawn at random from all that a test is meant to see."""
    every = sorted(codes())
    random.Random(seed).shuffle(every)
    chosen: list[str] = []
    for name in every:
        if len(chosen) == count:
            break
        if not wording(*change(name)):
            chosen.append(name)
    return chosen


def main(count: int = 400, seed: int = 0) -> int:
    """Try a sample; print what survived; return 1 when more than 5% did."""
    # A name that is no mutant's: mutants are made and tests are timed, and nothing is tried yet.
    made = subprocess.run(["mutmut", "run", "no mutant"], capture_output=True, text=True)
    if "nothing matches" not in made.stderr:
        print(made.stdout[-3000:], made.stderr[-3000:])
        return 1
    chosen = sample(count, seed)
    subprocess.run(["mutmut", "run", "--max-children", "1", *chosen], check=True, stdout=subprocess.DEVNULL)
    found = {name: code for name, code in codes().items() if name in set(chosen)}
    for name, code in found.items():
        if code not in KILLED:
            before, after = change(name)
            word = "survived" if code in SURVIVED else "no test" if code in UNTESTED else f"code {code}"
            print(f"{word}: {name}\n  - {before}\n  + {after}")
    killed = sum(code in (*KILLED, *SLOW) for code in found.values())
    print(f"seed {seed}: {len(found)} mutants tried, {killed} killed, {100 * killed / len(found):.1f}%")
    return int(killed < 0.95 * len(found))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
