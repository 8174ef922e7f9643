"""``python -m reconciler``: the same as the command."""

import sys

from reconciler.cli import main

sys.exit(main())
