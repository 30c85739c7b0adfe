"""Makes an engine of an opened bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augment.cpus import available_cpus, threads_of
from augment.data import Codec
from augment.errors import BundleCorruptError, SchemaError
from augment.runtime.engine import Engine
from augment.runtime.graph import load_graph
from augment.runtime.replay import replay
from augment.runtime.signatures import signature_fault
from augment.runtime.sizes import steady_counts, steady_sizes

if TYPE_CHECKING:
    from augment.bundle import Bundle, Manifest

__all__ = ["load_engine"]

_MOST_ROWS = 4096
"""Of several blocks that are made at once: more take memory, and what Python does once is little by then."""
_MOST_CELLS = 2**20
"""Of what says which tokens of a column are allowed to the rows that are made at once: 4 MiB."""


def load_engine(bundle: Bundle, *, threads: int | None, replay_golden: bool) -> Engine:
    """Load the codec and all graphs, check that they fit each other, and replay the golden rows.

    Raises:
        BundleCorruptError: Something does not fit or answers otherwise than recorded.
    """
    manifest = bundle.manifest
    try:
        codec = Codec(manifest.record_schema, manifest.encoding)
        fault = signature_fault(manifest, codec.layout)
    except (SchemaError, ValueError, ArithmeticError, LookupError, TypeError) as exc:
        raise BundleCorruptError(bundle.path, f"the encoding does not fit the schema: {exc}") from exc
    if fault:
        raise BundleCorruptError(bundle.path, fault)
    count = threads_of(available_cpus()) if threads is None else threads
    on_one = _roles_on_one_thread(manifest, has_arrays=bool(codec.layout.array_names))
    graphs = {
        role: load_graph(bundle, role, threads=1 if role in on_one else count) for role in manifest.graphs
    }
    smaller: tuple[int, ...] = ()
    counts: tuple[int, ...] = (1,)
    if replay_golden:
        cases = [*bundle.golden()]
        replay(graphs, cases, block_rows=manifest.block_rows)
        smaller = steady_sizes(graphs, cases, block_rows=manifest.block_rows)[:-1]
        if not codec.layout.array_names:  # whose blocks are large
            making = {role: graphs[role] for role in _in_steps(manifest)}
            most_rows = min(_MOST_ROWS, _MOST_CELLS // max(codec.layout.vocab_sizes, default=1))
            counts = steady_counts(making, cases, block_rows=manifest.block_rows, most_rows=most_rows)
    return Engine(
        codec, graphs, manifest.block_rows, manifest.stepwise, count, smaller=smaller, counts=counts
    )


def _in_steps(manifest: Manifest) -> set[str]:
    """Return the graphs that make records column by column."""
    return {role for sampler, plan in manifest.stepwise.items() for role in plan.roles(sampler)}


def _roles_on_one_thread(manifest: Manifest, *, has_arrays: bool) -> set[str]:
    """Return the graphs that run on one thread each.

    Several blocks are made at once instead, which takes less of the processors: 2 threads of one graph of a
    table cost 25 to 40 % more of them and save 5 % of the time. Graphs of arrays are larger.
    """
    if not has_arrays:
        return set(manifest.graphs)
    in_steps = _in_steps(manifest)
    in_steps |= {"complete"} if in_steps else set()
    return in_steps | {f"{sampler}_sample" for sampler in manifest.samplers}
