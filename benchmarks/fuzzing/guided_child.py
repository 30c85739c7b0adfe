"""`python -m fuzzing.guided_child streams -runs=1000`: one of the targets, under atheris."""

from __future__ import annotations

import contextlib
import sys

import atheris

with atheris.instrument_imports(include=["augment_proto", "augment.bundle"]):
    from augment.bundle.graph_scan import scan_graph
    from augment_proto.arrow import from_ipc
    from augment_proto.errors import ArrowFormatError


def _stream(data: bytes) -> None:
    with contextlib.suppress(ArrowFormatError):
        from_ipc(data)


def _graph(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        scan_graph(data)


def _main() -> None:
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, {"streams": _stream, "graphs": _graph}[name])
    atheris.Fuzz()


if __name__ == "__main__":
    _main()
