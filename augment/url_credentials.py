"""Names and passwords in URLs, which no message shows."""

from __future__ import annotations

import re

__all__ = ["without_credentials"]

_CREDENTIALS = re.compile(r"""(?<=//)(?:[^/@:\s"'\\]*:[^@\s"'\\]+(?=@|\.\.\.$)|[^/@\s"'\\]+(?=@))""")
"""A name and a password, which may have slashes and be cut off by three dots; or what else is before @."""


def without_credentials(text: str) -> str:
    """Return a text whose URLs do not show who asks.

    >>> without_credentials("'sftp://me:se/cret@example.org/models' is away")
    "'sftp://...@example.org/models' is away"
    """
    return _CREDENTIALS.sub("...", text)
