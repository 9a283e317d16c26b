"""One way to a data file: a local mirror folder, an earlier download, then the public addresses."""

import logging
import time
from pathlib import Path

from steep.errors import SteepError

log = logging.getLogger(__name__)
ATTEMPTS = 3
TIMEOUT_S = 30


class SparseProgress:
    """Download progress for a log file: one line for every tenth of the file (the interface pooch asks for)."""

    def __init__(self, name: str) -> None:
        """Start at nothing; pooch sets `total` in bytes."""
        self.name, self.total, self.done, self.tenths = name, 0, 0, 0

    def update(self, count: int) -> None:
        """Count `count` more bytes."""
        self.done += count
        tenths = 10 * self.done // self.total if self.total else 0
        if tenths > self.tenths:
            self.tenths = tenths
            log.info("%s: %d%% of %.1f MB", self.name, 10 * tenths, self.total / 1e6)

    def reset(self) -> None:
        """Start over: pooch does so before it counts the whole file once more at the end."""
        self.done = 0

    def close(self) -> None:
        """Do nothing: there is no bar to close."""


def find_file(
    dataset: str, name: str, sha256: str, addresses: tuple[str, ...], mirrors: list[Path], cache: Path
) -> Path:
    """Return the path of a data file, downloading it when no folder has it.

    Parameters
    ----------
    dataset : folder of the data set below each mirror and below `cache`.
    name : file name.
    sha256 : digest a *download* must have before it is used; files in mirrors are judged by their content, later.
    addresses : https addresses of folders that hold the file.
    mirrors, cache : local folders; downloads go to `cache`.

    Raises
    ------
    SteepError
        when no mirror has the file and no address gives it.

    """
    for folder in (*mirrors, cache):
        path = folder / dataset / name
        if path.is_file():
            log.info("%s: taken from %s", name, path.parent)
            return path
    import pooch

    pooch.get_logger().setLevel(logging.WARNING)  # the lines below say it
    reasons: list[str] = []
    for attempt in range(1, ATTEMPTS + 1):
        for address in addresses:
            host = address.split("/")[2]
            try:
                log.info("%s: downloading from %s (attempt %d of %d)", name, host, attempt, ATTEMPTS)
                # pooch downloads beside the target, verifies the digest, and only then moves the file into place.
                downloader = pooch.HTTPDownloader(timeout=TIMEOUT_S, progressbar=SparseProgress(name))
                return Path(
                    pooch.retrieve(address + name, f"sha256:{sha256}", name, cache / dataset, downloader=downloader)
                )
            except (OSError, ValueError) as error:
                reason = "wrong digest" if isinstance(error, ValueError) else type(error).__name__
                log.warning("%s: %s: %s", name, host, reason)
                reasons.append(f"{host}: {reason}")
        time.sleep(min(2**attempt, 10) if attempt < ATTEMPTS else 0)
    places = ", ".join(str(mirror / dataset) for mirror in mirrors) or "no mirror configured"
    raise SteepError(
        f"{dataset}: {name} is missing and could not be downloaded ({'; '.join(dict.fromkeys(reasons))}). "
        "Provide it in one of three ways: "
        f"put it into a mirror folder ({places}); add your own folder to `mirrors` in the config; "
        f"or connect to the network and run again (downloads are kept in {cache / dataset})"
    )
