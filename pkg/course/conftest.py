"""The grading runs on Linux only; elsewhere its modules are not imported for their examples."""

import sys

collect_ignore_glob = [] if sys.platform == "linux" else ["paramlab_course/*"]
