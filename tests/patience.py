"""Waiting for other processes without a limit that measures the machine: what is slow is waited for, what makes no
progress is stopped.

Progress is processor time of the workers: the processes that the one waited for has started, and all that work in its
folder, where the jobs of a cluster are found. A scheduler that only polls makes none. Before there are any workers its
own time counts.
"""

import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

PATIENCE = 600.0  # seconds without progress; at a load of 20 every process gets its turn many times a second
LOOK = 2.0  # seconds between two looks


def workers_of(root: psutil.Process, folder: Path | None) -> list[psutil.Process]:
    """Return the processes below `root`, and others that work in `folder`."""
    found = {process.pid: process for process in root.children(recursive=True)}
    for process in psutil.process_iter() if folder else ():
        try:
            if process != root and folder in (Path(process.cwd()), *Path(process.cwd()).parents):
                found[process.pid] = process
        except (psutil.Error, OSError):
            continue
    return list(found.values())


def _times(processes: list[psutil.Process]) -> dict[int, float]:
    """Return the processor time of each process that is still there, seconds."""
    times = {}
    for process in processes:
        try:
            times[process.pid] = sum(process.cpu_times()[:2])
        except psutil.Error:
            continue
    return times


class Watch:
    """Whether a process still makes progress."""

    def __init__(self, process: subprocess.Popen, folder: Path | None = None, patience: float = PATIENCE) -> None:
        """Watch `process`, and what works in `folder`."""
        self.process, self.folder, self.patience = process, folder and folder.resolve(), patience
        self.had_workers = False
        self.used: dict[int, float] = {}
        self.looked = self.moved = time.monotonic()

    def look(self) -> None:
        """Note progress; where there is none any more, end the process and its workers and raise AssertionError."""
        now = time.monotonic()
        if now < self.looked + min(LOOK, self.patience):
            return
        self.looked = now
        try:
            root = psutil.Process(self.process.pid)
            workers = workers_of(root, self.folder)
        except psutil.Error:
            return
        self.had_workers |= bool(workers)
        used = _times(workers if self.had_workers else [root])
        if used != self.used:
            self.used, self.moved = used, now
        elif now > self.moved + self.patience:
            for process in [*workers, root]:
                try:
                    process.kill()
                except psutil.Error:
                    continue
            raise AssertionError(f"no progress for {self.patience:.0f} s, stopped: {self.process.args}")


def wait(process: subprocess.Popen, folder: Path | None = None, patience: float = PATIENCE) -> int:
    """Wait until a process ends, however slow it is; return its code. What it prints must go to a file."""
    watch = Watch(process, folder, patience)
    while process.poll() is None:
        watch.look()
        time.sleep(0.05)
    return process.returncode


def until(ready: Callable[[], bool], process: subprocess.Popen, folder: Path | None = None) -> None:
    """Wait until `ready` returns true, which `process` brings about; AssertionError when it ends or stops before."""
    watch = Watch(process, folder)
    while not ready():
        if process.poll() is not None:
            assert ready(), f"ended with {process.returncode} before what was waited for: {process.args}"
            return
        watch.look()
        time.sleep(0.01)


class Started(subprocess.Popen[str]):
    """A process in `folder` whose output is kept in a file, so that nobody has to read it while it runs."""

    def __init__(self, command: list[str], folder: Path | None = None, **options: Any) -> None:
        """Start it; `options` are those of Popen. Errors are among the output unless they are sent elsewhere."""
        self.folder = folder
        self.kept = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 (open while it runs)
        super().__init__(command, cwd=folder, stdout=self.kept, text=True, **{"stderr": subprocess.STDOUT} | options)

    @property
    def output(self) -> str:
        """What it has printed by now."""
        self.kept.flush()
        with open(f"/proc/self/fd/{self.kept.fileno()}", encoding="utf-8", errors="replace") as file:
            return file.read()

    def end(self) -> str:
        """Wait until it ends; return what it printed."""
        wait(self, self.folder)
        return self.output


def run(command: list[str], folder: Path | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, as `subprocess.run` does, errors among its output."""
    started = Started(command, folder, **options)
    output = started.end()
    return subprocess.CompletedProcess(command, started.returncode, output)
