"""`python -m augment_server.supervision`: one of several processes on a port; the supervisor starts it."""

from __future__ import annotations

import sys

from augment_server.no_pickle import pickles_refused

if __name__ == "__main__":
    with pickles_refused():
        from augment_server.worker import main

        sys.exit(main())
