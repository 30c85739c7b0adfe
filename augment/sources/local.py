"""A model run here, from its bundle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from augment.bundle import find_bundle
from augment.data import parse_balance, parse_conditions
from augment.runtime import Model
from augment.sources.facts import ColumnFacts, Facts
from augment.sources.source import Generated
from augment_proto.receipt import Receipt

if TYPE_CHECKING:
    from augment.data import Codec
    from augment.sources.source import (
        Denoised,
        Draws,
        Latents,
        Predictions,
        Records,
        Request,
        Scores,
        Where,
    )

__all__ = ["LocalSource", "bundle_path"]

_BATCH_ROWS = 16_384


@dataclass(frozen=True)
class LocalSource:
    """An opened bundle."""

    model: Model

    @classmethod
    def open(cls, where: Where) -> LocalSource:
        """Open and verify the bundle."""
        return cls(Model.open(bundle_path(where), threads=where.threads))

    @property
    def codec(self) -> Codec:
        """How its records are encoded."""
        return self.model.codec

    @property
    def facts(self) -> Facts:
        """What the bundle says of itself."""
        model, manifest = self.model, self.model.manifest
        return Facts(
            name=model.name,
            version=model.version,
            digest=model.digest,
            created_at=manifest.created_at,
            place=str(model.path),
            schema=model.result_schema,
            columns=tuple(
                ColumnFacts(column.name, column.kind, column.nullable, column.role, column.unit)
                for column in manifest.record_schema.columns
            ),
            samplers=model.samplers,
            operations=model.operations,
            latent_dim=manifest.latent_dim,
            block_rows=manifest.block_rows,
            training_rows=manifest.training.rows,
            figures=manifest.figures,
            resolved=manifest.resolved or {},
        )

    def generate(self, request: Request) -> Generated:
        """Return synthetic records in result types, in constant memory."""
        batches = self.model.generate_batches(
            request.rows,
            seed=request.seed,
            offset=request.offset,
            sampler=request.sampler,
            conditions=request.conditions,
            balance=request.balance,
            steps=request.steps,
            max_rows=_BATCH_ROWS,
        )
        schema = self.model.result_schema
        tables = (pa.Table.from_batches([batch]).cast(schema) for batch in batches)
        return Generated(self._receipt(request), tables)

    def _receipt(self, request: Request) -> Receipt:
        """Return what is asked, with conditions and balance as they were read: so a server tells them."""
        columns = [column.name for column in self.model.manifest.record_schema.columns]
        balance = request.balance
        balance = parse_balance(balance, columns) if isinstance(balance, str) else balance
        plain = not request.conditions and balance is None and request.steps is None
        return Receipt(
            model=self.model.name,
            version=self.model.version,
            digest=self.model.digest,
            operation="generate",
            offset=request.offset,
            rows=request.rows,
            seed=request.seed,
            sampler=self.model.sampler_for(request.sampler, plain=plain),
            conditions=tuple(each.text for each in parse_conditions(request.conditions, columns)),
            balance="" if balance is None else balance.text,
            steps=request.steps or 0,
        )

    def interpolate(self, start: pa.Table, end: pa.Table, *, steps: int, method: str) -> Records:
        """Return `steps` records from each row of `start` to that of `end`."""
        return self.model.interpolate(start, end, steps=steps, method=method)

    def denoise(
        self, table: pa.Table, *, threshold: float | None, numbers: str | None, first_row: int
    ) -> Denoised:
        """Return the records with missing cells imputed and doubtful ones repaired."""
        return self.model.denoise(
            table,
            threshold=threshold,
            numbers=numbers,
            first_row=first_row,
        )

    def draws(
        self, table: pa.Table, *, draws: int, seed: int, threshold: float | None, first_row: int
    ) -> Draws:
        """Return completed tables."""
        return self.model.denoise(
            table,
            draws=draws,
            seed=seed,
            threshold=threshold,
            first_row=first_row,
        )

    def encode(self, table: pa.Table) -> Latents:
        """Return the records' latent vectors."""
        return self.model.encode(table)

    def score(self, table: pa.Table) -> Scores:
        """Return how unusual the records are."""
        return self.model.score(table)

    def predict(self, table: pa.Table) -> Predictions:
        """Return what the model predicts of the records."""
        return self.model.predict(table)


def bundle_path(where: Where) -> Path:
    """Return the bundle's directory: a path to it as it is, else the model's newest or wanted version."""
    path = Path(where.name)
    if (path / "manifest.json").is_file():
        return path
    return find_bundle(where.models, where.name, where.version)
