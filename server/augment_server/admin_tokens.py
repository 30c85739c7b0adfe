"""Bearer tokens: who does not send one that the server takes is refused before anything is read."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

import grpc

from augment.errors import RequestError
from augment_proto.reasons import Reason
from augment_proto.refusal import Refusal, pack
from augment_server.logs import get_logger
from augment_server.operator_files import read_whole

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

__all__ = ["TokenInterceptor", "read_tokens"]

_MIN_CHARACTERS = 16
_MAX_BYTES = 2**16
_SCHEME = "bearer"
_STATUS_KEY = "grpc-status-details-bin"


class TokenInterceptor(grpc.aio.ServerInterceptor):
    """Takes only calls with `authorization: Bearer <token>`. Put it before all other interceptors.

    Args:
        tokens: Those that are taken.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = [token.encode() for token in tokens]

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Return the method's handler, or one that refuses."""
        handler = await continuation(handler_call_details)
        metadata = dict(handler_call_details.invocation_metadata or ())
        if handler is None or self._is_taken(metadata.get("authorization", "")):
            return handler
        get_logger().warning("call refused", method=handler_call_details.method, reason="UNAUTHENTICATED")
        return _refusing(handler)

    def _is_taken(self, sent: object) -> bool:
        scheme, _, token = str(sent).partition(" ")
        given = token.strip().encode()
        found = [hmac.compare_digest(given, known) for known in self._tokens]  # all: time tells nothing
        return scheme.lower() == _SCHEME and any(found)


def read_tokens(path: Path) -> list[str]:
    """Return the tokens of a file, one a line; empty lines and those that begin with # are passed over.

    Raises:
        RequestError: It cannot be read, is longer than 64 KiB, holds no token, or one too short to be secret.
    """
    field = "admin_token_file"
    try:
        lines = read_whole(path, field, _MAX_BYTES).decode("ascii").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise RequestError.of(field, "must be a readable text file", str(path)) from exc
    stripped = (line.strip() for line in lines)
    tokens = [line for line in stripped if line and not line.startswith("#")]
    if not tokens or min(len(token) for token in tokens) < _MIN_CHARACTERS:
        rule = f"must hold tokens of at least {_MIN_CHARACTERS} characters, one a line"
        raise RequestError.of(field, rule, str(path), "Make one with: openssl rand -hex 32")
    return tokens


def _refusing(handler: Any) -> Any:
    """Return a handler of the same kind of method that refuses the call."""
    refusal = pack(
        Refusal(
            grpc.StatusCode.UNAUTHENTICATED.value[0],
            Reason.UNAUTHENTICATED,
            "the call must carry a token that this server takes: authorization: Bearer <token>",
        )
    )
    details = ((_STATUS_KEY, refusal.SerializeToString()),)

    async def refuse(_request: Any, context: Any) -> None:
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, refusal.message, details)

    kinds = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }
    return kinds[handler.request_streaming, handler.response_streaming](refuse)
