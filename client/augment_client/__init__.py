"""The client of the augmentation service: `Client`, `AsyncClient`, what they give back and what they raise.

Example:
    >>> from augment_client import Client
    >>> with Client("localhost:50051") as client:  # doctest: +SKIP
    ...     frame = client.generate("adult", rows=1000, seed=7).to_pandas()
"""

from __future__ import annotations

from augment_client.async_client import AsyncClient
from augment_client.channel import tls_credentials
from augment_client.client import Client
from augment_client.conditions import BalanceLike, ConditionsLike
from augment_client.denoise_streams import AsyncDenoiseStream, DenoiseStream
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
    NotAllowedError,
    NotFoundError,
    OverloadedError,
    ProtocolError,
    QuotaExceededError,
    Reason,
    ServerError,
    TooLargeError,
    UnauthenticatedError,
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
from augment_client.server_info import ServerInfo
from augment_client.streams import AsyncRecordStream, RecordStream
from augment_proto.receipt import Receipt

__all__ = [
    "AliasNotFoundError",
    "AsyncClient",
    "AsyncDenoiseStream",
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
    "DenoiseStream",
    "Denoised",
    "Draws",
    "InvalidArrowError",
    "InvalidRecordsError",
    "InvalidRequestError",
    "Latents",
    "ModelInfo",
    "ModelNotFoundError",
    "NotAllowedError",
    "NotFoundError",
    "OverloadedError",
    "Predictions",
    "ProtocolError",
    "QuotaExceededError",
    "Reason",
    "Receipt",
    "RecordStream",
    "Records",
    "RecordsLike",
    "Scores",
    "ServerError",
    "ServerInfo",
    "StreamInfo",
    "TooLargeError",
    "UnauthenticatedError",
    "UnavailableError",
    "Unseen",
    "UnsupportedOperationError",
    "VersionInfo",
    "VersionNotFoundError",
    "Violation",
    "tls_credentials",
]
