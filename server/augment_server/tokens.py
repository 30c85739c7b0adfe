"""`python -m augment_server.tokens NAME`: a new token, and the entry for it in the clients' file."""

from __future__ import annotations

import argparse
import secrets
import sys

import yaml

from augment.errors import RequestError
from augment_server.principals import OPERATIONS, clients_of, hash_of

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Print a new token, and on standard error what to write into the file."""
    parser = argparse.ArgumentParser(prog="python -m augment_server.tokens", description=__doc__)
    parser.add_argument("name", help="the client's name")
    parser.add_argument(
        "--scope",
        action="append",
        metavar="MODEL:OPERATION",
        help=f"may be given several times; * stands for any. Operations: {', '.join(OPERATIONS)}",
    )
    parser.add_argument("--rows-per-minute", type=int, help="quota")
    asked = parser.parse_args(arguments)
    token = secrets.token_urlsafe(32)
    client: dict[str, object] = {"tokens": [hash_of(token)], "scopes": asked.scope or ["*:*"]}
    if asked.rows_per_minute is not None:
        client["rows_per_minute"] = asked.rows_per_minute
    entry = {"clients": {asked.name: client}}
    try:
        clients_of(entry)
    except RequestError as error:
        parser.error(str(error))
    sys.stderr.write("# Add to the file of --clients; the token itself is shown only now:\n")
    sys.stderr.write(yaml.safe_dump(entry, sort_keys=False))
    sys.stdout.write(f"{token}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
