"""Makes `python -m augment.cli` the same as `augment`."""

from __future__ import annotations

from augment.cli import main

if __name__ == "__main__":
    main()
