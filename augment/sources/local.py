"""A model run here, from its bundle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from augment.bundle import find_bundle
from augment.bundle.limits import MANIFEST_FILE
from augment.data import parse_balance, parse_conditions
from augment.errors import RequestError
from augment.runtime import Model
from augment.sources.facts import ColumnFacts, Facts
from augment.sources.remote import copied_bundle, newest_bundle
from augment.sources.source import Generated
from augment.urls import is_url, local_path
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
    """An opened bundle.

    Attributes:
        model: It, running.
        place: Where it is from, if that is a URL.
    """

    model: Model
    place: str = ""

    @classmethod
    def open(cls, where: Where) -> LocalSource:
        """Open and verify the bundle."""
        if (url := _url_of(where)) is not None:
            return cls(Model.open(copied_bundle(url), threads=where.threads), url)
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
            place=self.place or str(model.path),
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
    """Return the bundle's directory: a path to it as it is, else the model's newest or wanted version.

    Raises:
        ModelNotFoundError: No bundle has this name.
        VersionNotFoundError: The model has no such version.
        RequestError: The path is of another version than the wanted one.
    """
    path = Path(local_path(where.name))
    if (path / MANIFEST_FILE).is_file():
        _require_version(where, path.resolve().name)
        return path
    return find_bundle(local_path(str(where.models)), where.name, where.version)


def _url_of(where: Where) -> str | None:
    """Return the URL of the bundle; None: it is here."""
    name, models = local_path(where.name), local_path(str(where.models))
    if is_url(name):
        _require_version(where, name.rstrip("/").rpartition("/")[2])
        return name
    if is_url(models) and not (Path(name) / MANIFEST_FILE).is_file():
        return newest_bundle(models, name, where.version)
    return None


def _require_version(where: Where, found: str) -> None:
    if where.version is not None and found != str(where.version):
        rule = f"must be that of {where.name}, or be left out"
        raise RequestError.of("version", rule, where.version)
