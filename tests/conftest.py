"""One thread for each test process: the models are tiny, and more threads only wait for each other."""

import os
import signal
from functools import cache

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

if hasattr(signal, "SIGHUP"):
    # Whoever starts the tests under nohup has them ignore it, and the tests are of what it does.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def same_parts_for_every_test():
    """Forget the parts, metrics and figures that a test defined: the next one may use their names."""
    import distaff.evaluation
    import distaff.recipe  # noqa: F401 - defines the families
    from distaff.figures import FIGURES
    from distaff.metrics import METRICS
    from distaff.parts import FAMILIES

    registries = [METRICS, FIGURES, *FAMILIES.values()]
    before = [dict(registry._things) for registry in registries]
    yield
    for registry, things in zip(registries, before, strict=True):
        registry._things.clear()
        registry._things.update(things)


@pytest.fixture(scope="session")
def operators_once():
    """Have PyTorch list the operators of ONNX once: for each graph anew, that takes longer than the graph."""
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(cache(ONNXRegistry.from_torchlib)))
        yield
