"""What a page shows of a file that a reader drops on it: its count, its drawing, what it costs."""

import os
from collections.abc import Callable
from contextlib import chdir
from dataclasses import replace

from paramlab.cli import one_line
from paramlab.drawing import architecture_svg
from paramlab.files.source import Counted, CountedTensors, count_any
from paramlab.live import HTML
from paramlab.reports import CONTEXT, cost, cost_as_text, count_as_text, decoder
from paramlab.tensor_report import tensors_as_text

HERE = "./"  # so that a file that is named like a model of the catalog is not taken for it
NO_HEADS = "What it costs depends on how many heads it has; drop its config.json with it."


def show(path: str, display: Callable[..., object]) -> None:
    """Print the count of a file part by part; if its layers are known, draw it and print its costs.

    Parameters
    ----------
    path
        A file, or a folder with the files of one model. Sentences call it by the last part alone.
    display
        Shows an object in the page.
    """
    folder, name = os.path.split(path)
    with chdir(folder):
        try:
            counted = count_any(HERE + name)
        except (ValueError, LookupError, OSError, MemoryError) as error:
            print(one_line(error).removeprefix(HERE))
            return
    counted = replace(counted, name=os.path.basename(counted.name))
    if isinstance(counted, CountedTensors):
        print(tensors_as_text(counted, "component"))
        return
    print(count_as_text(counted, "component"))
    drawing = architecture_svg(counted.name, counted.config)
    display(HTML(f"<figure>{drawing}</figure>"))
    print(costs(counted))


def costs(counted: Counted) -> str:
    """Return what a model takes where its window, if any, is full, or why that is not known."""
    if not counted.heads_known:
        return NO_HEADS
    try:
        return cost_as_text(counted, cost(decoder(counted), counted.config.n_ctx or CONTEXT))
    except ValueError as error:
        return one_line(error)
