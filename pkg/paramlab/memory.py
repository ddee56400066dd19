"""How the memory of freed arrays is kept: what training and reading need from the C library."""

import ctypes
import sys
from functools import cache


@cache
def keep_freed_memory() -> None:
    """Tell the C library of Linux to keep freed memory for the next array.

    Else it gives memory back to the system after almost every operation and asks for it again,
    which takes longer than the operations themselves. Elsewhere nothing happens.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        trim_threshold, mmap_threshold = -1, -3  # the names of the options in malloc.h
        mallopt(trim_threshold, 2**31 - 1)
        mallopt(mmap_threshold, 2**25)
