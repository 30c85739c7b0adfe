"""Models' weights by names that outlive a change of vocabulary, to go on from with more data.

A weight that has a row for each token is cut by column: `embedding.tokens.weight@age`. New categories have
codes after the known ones (`augment.data.extending`), so that what is stored of a column are its first rows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from augment.bundle import read_weights
from augment.data import Codec
from augment.errors import BundleCorruptError
from augment.models.categorical import CategoricalHead
from augment.models.embedding import RecordEmbedding
from augment.models.staged import StagedHead
from augment.models.within_bin import WithinBin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor, nn

    from augment.bundle import Bundle
    from augment.data import Layout
    from augment.models import Trainable

__all__ = ["WarmStart", "pieces", "weights_to_bytes"]

_SHAPES = "shapes"


def pieces(model: nn.Module, layout: Layout) -> dict[str, Tensor]:
    """Return views of all weights by name; those with a row a token are cut by column."""
    cut: dict[int, dict[str, Tensor]] = {}
    for prefix, module in model.named_modules():
        for parameter, name, view in _by_column(prefix, module, layout):
            cut.setdefault(id(parameter), {})[name] = view
    found: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        found |= cut.get(id(parameter), {name: parameter.detach()})
    return found


def _by_column(prefix: str, module: nn.Module, layout: Layout) -> Iterator[tuple[Tensor, str, Tensor]]:
    """Yield weights that have a row a token, and of each the name and the part of a column."""
    names, sizes = layout.names, layout.vocab_sizes
    if isinstance(module, RecordEmbedding):
        weight = module.tokens.weight
        for name, part in zip(names, torch.split(weight.detach(), list(sizes)), strict=True):
            yield weight, f"{prefix}.tokens.weight@{name}", part
    elif isinstance(module, CategoricalHead):
        weight, bias = module.logits.weight, module.logits.bias
        shape = (*module.shape, -1)
        for row, column in enumerate(module.index.tolist()):
            size, name = sizes[column], names[column]
            yield weight, f"logits.weight@{name}", weight.detach().view(shape)[row, :size]
            yield bias, f"logits.bias@{name}", bias.detach().view(shape)[row, :size, 0]
            for own, parameter in module.narrow.named_parameters() if module.narrow is not None else ():
                yield parameter, f"narrow.{own}@{name}", parameter.detach()
    elif isinstance(module, WithinBin):
        for row, column in enumerate(module.index.tolist()):
            part = module.token.detach()[row, : sizes[column]]
            yield module.token, f"{prefix}.token@{names[column]}", part
    elif isinstance(module, StagedHead):
        yield from _echoes(module, layout)


def _echoes(head: StagedHead, layout: Layout) -> Iterator[tuple[Tensor, str, Tensor]]:
    """Yield what the tokens of each stage say to later ones."""
    for stage, echo in zip(head.stages, head.echoes, strict=False):
        columns = [
            column
            for group in stage.children()
            if isinstance(group, CategoricalHead)
            for column in group.index.tolist()
        ]
        table = echo.table
        assert isinstance(table, torch.Tensor)  # noqa: S101 - a parameter
        starts = list(accumulate((layout.vocab_sizes[column] for column in columns), initial=0))
        for start, column in zip(starts, columns, strict=False):
            part = table.detach()[start : start + layout.vocab_sizes[column]]
            yield table, f"echo@{layout.names[column]}", part


def weights_to_bytes(models: Mapping[str, Trainable], layout: Layout) -> bytes:
    """Return a safetensors file of the models' weights, with the shapes that they were made of."""
    tensors, shapes = {}, {}
    for name, model in models.items():
        for piece, tensor in pieces(model, layout).items():
            tensors[f"{name}/{piece}"] = tensor.contiguous().clone()
        shapes[name] = _shape_options(model)
    return save(tensors, {_SHAPES: json.dumps(shapes, sort_keys=True)})


def _shape_options(model: Trainable) -> dict[str, Any]:
    """Return the options that shape a model: widths, layers, stages; rates and weights of losses do not."""
    options = getattr(model, "options", None)
    if options is None:
        return {}
    values = {field.name: getattr(options, field.name) for field in fields(options)}
    return {name: value for name, value in values.items() if isinstance(value, int | str | tuple)}


@dataclass(frozen=True)
class WarmStart:
    """What training goes on from.

    Attributes:
        digest: Of the bundle.
        codec: Its encoding.
        tensors: Its weights, by model and name.
        shapes: The options that shaped its models.
    """

    digest: str
    codec: Codec
    tensors: Mapping[str, Tensor]
    shapes: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, bundle: Bundle) -> WarmStart:
        """Read a bundle's weights.

        Raises:
            UnsupportedError: It has none.
            BundleCorruptError: They are no weights' file.
        """
        data, manifest = read_weights(bundle), bundle.manifest
        codec = Codec(manifest.record_schema, manifest.encoding)
        try:
            return cls.parse(bundle.digest, codec, data)
        except (SafetensorError, ValueError) as exc:
            raise BundleCorruptError(bundle.path, f"{manifest.weights}: {exc}") from exc

    @classmethod
    def parse(cls, digest: str, codec: Codec, data: bytes) -> WarmStart:
        """Read a safetensors file; raises SafetensorError or ValueError where it is none."""
        return cls(digest, codec, load(data), json.loads(_metadata(data).get(_SHAPES, "{}")))

    def applied(self, name: str, model: Trainable, layout: Layout, generator: torch.Generator) -> Trainable:
        """Return `model` with the stored weights in it; what is new in it starts as it was made.

        It is made again where it was shaped otherwise, e.g. because more rows are given a wider one.
        """
        prefix = f"{name}/"
        stored = {
            key.removeprefix(prefix): one for key, one in self.tensors.items() if key.startswith(prefix)
        }
        if not stored:
            return model
        model = self._reshaped(name, model, layout, generator)
        for piece, own in pieces(model, layout).items():
            before = stored.get(piece)
            if before is not None and _fits(before, own):
                own[: len(before)].copy_(before)
        return model

    def _reshaped(self, name: str, model: Trainable, layout: Layout, generator: torch.Generator) -> Trainable:
        wanted = {key: _tuples(value) for key, value in self.shapes.get(name, {}).items()}
        now = _shape_options(model)
        changed = {key: value for key, value in wanted.items() if key in now and now[key] != value}
        if not changed:
            return model
        options: Any = model.options
        make: Any = type(model)
        made: Trainable = make(layout, replace(options, **changed), generator)
        return made


def _fits(before: Tensor, own: Tensor) -> bool:
    """Whether the stored rows are the first rows of these."""
    return before.dim() == own.dim() > 0 and len(before) <= len(own) and before.shape[1:] == own.shape[1:]


def _tuples(value: Any) -> Any:
    return tuple(_tuples(one) for one in value) if isinstance(value, list) else value


def _metadata(data: bytes) -> dict[str, str]:
    """Return the file's metadata, which `load` leaves out: a header of JSON after its length."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    found: dict[str, str] = header.get("__metadata__", {})
    return found
