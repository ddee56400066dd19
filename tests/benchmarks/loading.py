"""Loading the real model: the first time, again, and how much memory it takes at most."""

from collections.abc import Iterator

from harness import PYTHON, Figure, alternated, printed

FP32_MB = 134_515_008 * 4 / 1e6
# The first time: in a cache that is empty, so its 538 MB are also written.
FIRST = """
import os, shutil, tempfile, time
from paramlab.files.real_model import model_path
os.environ["PARAMLAB_MODEL"] = str(model_path())
folder = tempfile.mkdtemp()
os.environ["XDG_CACHE_HOME"] = os.environ["LOCALAPPDATA"] = folder
try:
    import paramlab
    start = time.perf_counter()
    paramlab.load_model()
    elapsed = time.perf_counter() - start
    import resource
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    assert os.listdir(folder + "/paramlab")
finally:
    shutil.rmtree(folder)
"""
AGAIN = """
import time
import paramlab
start = time.perf_counter()
paramlab.load_model()
elapsed = time.perf_counter() - start
"""


def measure() -> Iterator[Figure]:
    """Yield the figures of this module; NumPy's import counts, paramlab's does not."""
    first, peak, again = alternated(
        printed(PYTHON, "-c", FIRST + "print(elapsed)"),
        printed(PYTHON, "-c", FIRST + "print(peak_mb)"),
        printed(PYTHON, "-c", AGAIN + "print(elapsed)"),
        repeats=5,
    )
    yield Figure("load_first", first, "s", goal=4)
    yield Figure("load_again", again, "s", goal=0.3)
    yield Figure(
        "load_peak", peak, "MB", goal=1.3, judged="ratio", peer="the fp32 weights",
        peer_value=FP32_MB,
    )  # fmt: skip
