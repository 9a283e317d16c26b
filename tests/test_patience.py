"""Waiting stops what makes no progress, and never what is slow."""

import sys

import patience
import pytest
from patience import Started, run, until, wait

BUSY = "import time\nwhile time.process_time() < 3: pass\nprint('done')"
IDLE = "import time\ntime.sleep(1000)"


def test_what_works_is_waited_for_beyond_any_patience() -> None:
    started = Started([sys.executable, "-c", BUSY])
    assert wait(started, patience=1.5) == 0 and started.output == "done\n"


def test_what_sleeps_is_stopped() -> None:
    started = Started([sys.executable, "-c", IDLE])
    with pytest.raises(AssertionError, match="no progress for 1 s, stopped"):
        wait(started, patience=1)
    assert started.wait() == -9


def test_a_scheduler_that_only_polls_is_stopped_with_its_workers(tmp_path) -> None:
    """It uses processor time of its own all the while; its worker, which hangs, does not."""
    lines = ["import subprocess, sys", f"worker = subprocess.Popen([sys.executable, '-c', {IDLE!r}])"]
    lines += ["print(worker.pid, flush=True)", "while worker.poll() is None: pass"]
    started = Started([sys.executable, "-c", "\n".join(lines)], tmp_path)
    until(lambda: started.output.endswith("\n"), started)
    with pytest.raises(AssertionError, match="no progress"):
        wait(started, tmp_path, patience=3)
    assert started.wait() == -9
    assert not patience.psutil.pid_exists(int(started.output)) or (
        patience.psutil.Process(int(started.output)).status() == "zombie"
    )


def test_what_ends_too_early_is_no_success() -> None:
    with pytest.raises(AssertionError, match="ended with 0 before"):
        until(lambda: False, Started([sys.executable, "-c", ""]))


def test_output_is_kept_whatever_its_length() -> None:
    done = run([sys.executable, "-c", "import sys; print('x' * 300000); print('y', file=sys.stderr); sys.exit(3)"])
    assert done.returncode == 3 and len(done.stdout) == 300003
