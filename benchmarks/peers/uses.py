"""What a trained model is used for, timed alike for every side: from arrays to arrays, once to warm up."""

import json
import time
from collections.abc import Callable

import numpy as np

BATCH = 256
Use = Callable[[], np.ndarray]


def report(train: float, **uses: Use) -> None:
    """Print the seconds of an epoch of training and of each use as JSON."""
    seconds = {"train": train}
    for name, use in uses.items():
        use()
        start = time.perf_counter()
        assert np.isfinite(use()).all()
        seconds[name] = time.perf_counter() - start
    print(json.dumps(seconds))
