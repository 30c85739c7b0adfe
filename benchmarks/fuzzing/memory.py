"""The highest memory of a process since it was last asked to forget (Linux: `proc(5)`, `clear_refs`)."""

from __future__ import annotations

from pathlib import Path

__all__ = ["Growth", "grown_mib", "rebase"]


class Growth:
    """By how much a process has grown at most.

    Args:
        pid: The process; `self` is this one.
    """

    def __init__(self, pid: int | str = "self") -> None:
        self._directory = Path("/proc") / str(pid)
        self._base = 0.0
        self.rebase()

    def rebase(self) -> None:
        """Measure from now on."""
        (self._directory / "clear_refs").write_text("5")
        self._base = self._mib("VmRSS")

    def peak_mib(self) -> float:
        """Return the highest memory since the last `rebase`, above what it was then."""
        return max(0.0, self._mib("VmHWM") - self._base)

    def now_mib(self) -> float:
        """Return the memory now, above what it was at the last `rebase`."""
        return self._mib("VmRSS") - self._base

    def _mib(self, key: str) -> float:
        lines = (self._directory / "status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))


_OWN: list[Growth] = []


def rebase() -> None:
    """Measure this process from now on."""
    _OWN[:] = [Growth()]


def grown_mib() -> float:
    """Return by how much this process has grown at most since `rebase`."""
    return _OWN[0].peak_mib() if _OWN else 0.0
