"""Entry point of ``python -m steep``."""

import signal

# Ctrl-C while the libraries are being imported ends the process silently instead of with a traceback; from its first
# line of work on, `main` answers it. A job that was started with SIGINT ignored keeps ignoring it.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from steep.cli import main

if __name__ == "__main__":
    code = main()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # likewise while the interpreter takes itself down
    raise SystemExit(code)
