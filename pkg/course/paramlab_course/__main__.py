"""Run the instructor's command line as ``python -m paramlab_course``."""

import sys

from paramlab_course.cli import main

sys.exit(main())
