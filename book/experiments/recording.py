"""What the scripts beside this file share in writing down what they found."""

import platform
import time
from datetime import date

import numpy as np
from paramlab import __version__


def about(command, began):
    """Say how, when and on what a run was made; it began at this process time, in seconds."""
    return {
        "command": command,
        "date": date.today().isoformat(),
        "machine": f"one thread of {platform.machine()}, {platform.system()}",
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "paramlab": __version__,
        },
        "processor_minutes": round((time.process_time() - began) / 60, 1),
    }


def short(value):
    """Round every float to five digits, which is more than a chapter prints."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {name: short(item) for name, item in value.items()}
    return [short(item) for item in value] if isinstance(value, list | tuple) else value
