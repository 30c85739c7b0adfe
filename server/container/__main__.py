"""`python -m container image` and `... base`; `make image` and `make image-base` call them."""

from __future__ import annotations

import argparse
import subprocess
import sys

from container.debian_base import build_debian_base
from container.engines import find_engine
from container.image import MAX_MB, added_mb, build_image


def main() -> int:
    """Build what was asked for; return the exit code. Where nothing can build, say so and return 0."""
    given = _flags().parse_args()
    engine = find_engine()
    if engine is None:
        sys.stdout.write("No image is built: neither a docker engine nor buildah is here.\n")
        return 0
    try:
        if given.what == "base":
            build_debian_base(engine, given.name, given.suite)
            return 0
        build_image(engine, given.name, given.base)
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"error: {' '.join(error.cmd[:2])} ended with exit code {error.returncode}\n")
        return 1
    except FileNotFoundError as error:
        sys.stderr.write(f"error: {error.filename} is not installed\n")
        return 1
    added, whole = added_mb(engine, given.name)
    sys.stdout.write(
        f"{given.name}, built by {engine.name}: {added:.0f} MB over its base (at most {MAX_MB}), "
        f"{whole:.0f} MB in all\n"
    )
    return 0 if added <= MAX_MB else 1


def _flags() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m container", description=__doc__)
    kinds = parser.add_subparsers(dest="what", required=True)
    image = kinds.add_parser("image", help="the server's image")
    image.add_argument("--name", required=True, help="the image's name")
    image.add_argument("--base", help="the base image; default: the Containerfile's")
    base = kinds.add_parser("base", help="a base image of Debian's own packages")
    base.add_argument("--name", required=True, help="the image's name")
    base.add_argument("--suite", default="trixie", help="Debian's release; default: %(default)s")
    return parser


if __name__ == "__main__":
    sys.exit(main())
