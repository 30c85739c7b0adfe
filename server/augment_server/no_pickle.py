"""A server's process builds nothing from pickles: reading one is running what its sender chose.

Nothing of ours reads pickles. Libraries bring the module `pickle` with them (numpy and logging do), so that
it cannot be kept out; what can be kept out is its use, and the modules that are there for nothing else.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["pickles_refused"]

_NEVER_IMPORTED = frozenset({"cloudpickle", "dill", "joblib", "shelve", "torch"})


_refusing = False
_hooked = False


@contextmanager
def pickles_refused() -> Iterator[None]:
    """Meanwhile refuse to look up what a pickle names, and to import what lives by pickles, in this process.

    CPython audits each name that a pickle calls for (`pickle.find_class`), whichever library reads it; a
    pickle without names holds plain values alone. Begin before other imports: pyarrow takes cloudpickle
    where it is there, and does without where it is not.
    """
    global _refusing, _hooked  # noqa: PLW0603 - of the process, as audit hooks are, which nothing takes away
    if not _hooked:
        sys.addaudithook(_hook)
        _hooked = True
    _refusing = True
    try:
        yield
    finally:
        _refusing = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _refusing:
        return
    if event == "pickle.find_class":
        raise RuntimeError(f"pickles are not read in a server: {arguments[0]}.{arguments[1]}")
    if event == "import" and str(arguments[0]).partition(".")[0] in _NEVER_IMPORTED:
        raise ModuleNotFoundError(f"{arguments[0]} is not imported in a server", name=str(arguments[0]))
