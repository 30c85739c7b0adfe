"""`python -m augment_server --models models/`."""

from __future__ import annotations

import sys

from augment_server.no_pickle import refuse_pickles

if __name__ == "__main__":
    refuse_pickles()
    from augment_server.main import main

    sys.exit(main())
