"""`python -m augment_server --models models/`."""

from __future__ import annotations

import sys

from augment_server.main import main

if __name__ == "__main__":
    sys.exit(main())
