"""Run the command line as ``python -m paramlab``."""

import sys

from paramlab.cli import main

sys.exit(main())
