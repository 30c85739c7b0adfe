"""`python -m augment_server --models models/`."""

from __future__ import annotations

import sys

from augment_server.no_pickle import pickles_refused

if __name__ == "__main__":
    with pickles_refused():
        from augment_server.main import main

        sys.exit(main())
