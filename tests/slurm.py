"""A Slurm of two nodes on this machine, for the tests: without cgroups, database or systemd."""

import fcntl
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from patience import PATIENCE

# Snakemake's plugin removes SLURM_CONF from the environment of jobs, so the file must stand at its default place.
CONFIG = Path("/etc/slurm/slurm.conf")
MARK = "# Written by a test; removed when it ends."
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "sinfo")


def obstacle() -> str:
    """Return why no Slurm can be started here, an empty string where one can."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"Slurm is not installed ({', '.join(missing)} missing); apt-get install slurm-wlm munge"
    if os.geteuid() != 0:
        return f"only root can write {CONFIG} and start Slurm's daemons"
    if CONFIG.exists() and MARK not in CONFIG.read_text():
        return f"{CONFIG} is somebody's; it is left alone"
    return ""


def settings(folder: Path, host: str, ports: list[int]) -> str:
    """Return slurm.conf: memory is only watched, a job that takes more than it asked for is killed within seconds."""
    return f"""{MARK}
ClusterName=steep
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
AuthType=auth/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=2,batch_sched_delay=0,sched_min_interval=0
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
KillWait=5
MinJobAge=3600
ReturnToService=2
NodeName=n[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{ports[1]}-{ports[2]}] CPUs=4 RealMemory=16000
PartitionName=main Nodes=n[1-2] Default=YES MaxTime=600 State=UP
"""


def free_ports() -> list[int]:
    """Return three ports that nobody listens at, the last two next to each other."""
    for start in range(17000, 19000, 3):
        ports = [start, start + 1, start + 2]
        with ExitStack() as held:
            try:
                for port in ports:
                    held.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
        return ports
    raise RuntimeError("no free ports")


def start(command: list[str], output: Path) -> subprocess.Popen[bytes]:
    """Start a daemon in the foreground, what it says going to a file."""
    with open(output, "wb") as file:
        return subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)


def wait_until(ready: Callable[[], bool], what: str) -> None:
    """Wait for a daemon, which does next to nothing when it is up, so that its progress cannot be seen."""
    deadline = time.monotonic() + PATIENCE
    while not ready():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not come up")
        time.sleep(0.3)


@contextmanager
def cluster(folder: Path) -> Iterator[None]:
    """Run a controller and two nodes while the block runs; their logs are in `folder`."""
    started: list[subprocess.Popen[bytes]] = []
    with open(CONFIG.parent / ".test.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one such Slurm at a time
        try:
            (folder / "state").mkdir(parents=True)
            if subprocess.run(["munge", "-n"], capture_output=True).returncode != 0:
                for place in ("/run/munge", "/var/log/munge", "/var/lib/munge"):
                    Path(place).mkdir(parents=True, exist_ok=True)
                    shutil.chown(place, "munge", "munge")
                command = ["setpriv", "--reuid=munge", "--regid=munge", "--clear-groups", "munged", "-F"]
                started.append(start(command, folder / "munged.out"))
                wait_until(lambda: subprocess.run(["munge", "-n"], capture_output=True).returncode == 0, "munged")
            CONFIG.write_text(settings(folder, socket.gethostname().split(".")[0], free_ports()))
            for command in (["slurmctld", "-D"], ["slurmd", "-D", "-N", "n1"], ["slurmd", "-D", "-N", "n2"]):
                started.append(start(command, folder / f"{''.join(command)}.out"))
            wait_until(lambda: idle() == 2, f"Slurm (its logs are in {folder})")
            yield
        finally:
            subprocess.run(["scancel", "--user=root", "--quiet"], capture_output=True, timeout=PATIENCE)
            for process in reversed(started):
                process.terminate()
            for process in started:
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
            CONFIG.unlink(missing_ok=True)


def idle() -> int:
    """Return the number of idle nodes."""
    done = subprocess.run(["sinfo", "-h", "-t", "idle", "-o", "%D"], capture_output=True, text=True)
    return int(done.stdout.strip() or 0)
