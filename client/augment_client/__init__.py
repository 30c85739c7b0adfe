"""The client of the augmentation service: `Client`, `AsyncClient`, what they give back and what they raise.

Example:
    >>> from augment_client import Client
    >>> with Client("localhost:50051") as client:  # doctest: +SKIP
    ...     frame = client.generate("adult", rows=1000, seed=7).to_pandas()
"""

from __future__ import annotations

from augment_client.async_client import AsyncClient
from augment_client.client import Client
from augment_client.conditions import BalanceLike, ConditionsLike
from augment_client.errors import (
    AliasNotFoundError,
    BundleUnusableError,
    CallCancelledError,
    ClientError,
    ColumnNotFoundError,
    DeadlineError,
    InvalidArrowError,
    InvalidRecordsError,
    InvalidRequestError,
    ModelNotFoundError,
    NotFoundError,
    ProtocolError,
    Reason,
    ServerError,
    TooLargeError,
    UnavailableError,
    UnsupportedOperationError,
    VersionNotFoundError,
    Violation,
)
from augment_client.records import RecordsLike
from augment_client.results import (
    ColumnInfo,
    Denoised,
    Draws,
    Latents,
    ModelInfo,
    Predictions,
    Records,
    Scores,
    StreamInfo,
    Unseen,
    VersionInfo,
)
from augment_client.streams import AsyncRecordStream, RecordStream

__all__ = [
    "AliasNotFoundError",
    "AsyncClient",
    "AsyncRecordStream",
    "BalanceLike",
    "BundleUnusableError",
    "CallCancelledError",
    "Client",
    "ClientError",
    "ColumnInfo",
    "ColumnNotFoundError",
    "ConditionsLike",
    "DeadlineError",
    "Denoised",
    "Draws",
    "InvalidArrowError",
    "InvalidRecordsError",
    "InvalidRequestError",
    "Latents",
    "ModelInfo",
    "ModelNotFoundError",
    "NotFoundError",
    "Predictions",
    "ProtocolError",
    "Reason",
    "RecordStream",
    "Records",
    "RecordsLike",
    "Scores",
    "ServerError",
    "StreamInfo",
    "TooLargeError",
    "UnavailableError",
    "Unseen",
    "UnsupportedOperationError",
    "VersionInfo",
    "VersionNotFoundError",
    "Violation",
]
