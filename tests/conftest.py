"""One thread for each test process: the models are tiny, and more threads only wait for each other."""

import os
import signal

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

if hasattr(signal, "SIGHUP"):
    # Whoever starts the tests under nohup has them ignore it, and the tests are of what it does.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
