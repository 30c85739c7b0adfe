"""A model asked through a server."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from augment.sources.facts import ColumnFacts, Facts
from augment.sources.source import Generated
from augment_client import Client, tls_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    from augment_client import ModelInfo, RecordStream

__all__ = ["ServerSource", "connected", "facts_of", "open_server_source"]


@dataclass(frozen=True)
class ServerSource:
    """A hosted model; all calls go to one version of it."""

    client: Client
    facts: Facts
    codec: Codec | None = None

    def generate(self, request: Request) -> Generated:
        """Return synthetic records in result types, in constant memory."""
        stream = self.client.generate_batches(
            self.facts.name,
            request.rows,
            seed=request.seed,
            offset=request.offset,
            sampler=request.sampler,
            conditions=request.condition_texts,
            balance=request.balance_text,
            steps=request.steps,
            version=self.facts.version,
        )
        return Generated(stream.info.receipt, _tables(stream))

    def interpolate(self, start: pa.Table, end: pa.Table, *, steps: int, method: str) -> Records:
        """Return `steps` records from each row of `start` to that of `end`."""
        name, version = self.facts.name, self.facts.version
        return self.client.interpolate(name, start, end, steps=steps, method=method, version=version)

    def denoise(
        self, table: pa.Table, *, threshold: float | None, numbers: str | None, first_row: int
    ) -> Denoised:
        """Return the records with missing cells imputed and doubtful ones repaired."""
        return self.client.denoise(
            self.facts.name,
            table,
            threshold=threshold,
            numbers=numbers,
            first_row=first_row,
            version=self.facts.version,
        )

    def draws(
        self, table: pa.Table, *, draws: int, seed: int, threshold: float | None, first_row: int
    ) -> Draws:
        """Return completed tables."""
        return self.client.denoise(
            self.facts.name,
            table,
            draws=draws,
            seed=seed,
            threshold=threshold,
            first_row=first_row,
            version=self.facts.version,
        )

    def encode(self, table: pa.Table) -> Latents:
        """Return the records' latent vectors."""
        return self.client.encode(self.facts.name, table, version=self.facts.version)

    def score(self, table: pa.Table) -> Scores:
        """Return how unusual the records are."""
        return self.client.score(self.facts.name, table, version=self.facts.version)

    def predict(self, table: pa.Table) -> Predictions:
        """Return what the model predicts of the records."""
        return self.client.predict(self.facts.name, table, version=self.facts.version)


def _tables(stream: RecordStream) -> Iterator[pa.Table]:
    with stream:
        for batch in stream:
            yield pa.Table.from_batches([batch])


def connected(address: str) -> Client:
    """Return a client of the server at an address.

    `AUGMENT_CA` names the PEM file of who signed the server's certificate, `AUGMENT_TOKEN` holds the token.
    """
    ca, token = os.environ.get("AUGMENT_CA"), os.environ.get("AUGMENT_TOKEN")
    return Client(address, channel_credentials=tls_credentials(ca) if ca else None, token=token or None)


@contextmanager
def open_server_source(where: Where) -> Iterator[ServerSource]:
    """Connect to the server and ask for the model."""
    address = where.server or ""
    with connected(address) as client:
        yield ServerSource(client, facts_of(client.model(where.name, version=where.version), address))


def facts_of(info: ModelInfo, address: str) -> Facts:
    """Return what a server tells about a model."""
    return Facts(
        name=info.name,
        version=info.version,
        digest=info.digest,
        created_at=info.created_at,
        place=address,
        schema=info.schema,
        columns=tuple(
            ColumnFacts(column.name, column.kind, column.nullable, column.role, column.unit)
            for column in info.columns
        ),
        samplers=info.samplers,
        operations=info.operations,
        latent_dim=info.latent_dim,
        block_rows=info.block_rows,
        training_rows=info.training_rows,
        figures=info.figures,
    )
