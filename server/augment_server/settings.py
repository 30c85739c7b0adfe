"""What an operator can set: flags, `AUGMENT_...` variables, or keyword arguments, in that order."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from augment_proto.limits import MAX_MESSAGE_BYTES, MAX_ROWS_PER_CALL

__all__ = ["Settings"]

_URL = re.compile(r"[a-z][a-z0-9+.-]*://.*")
_KEY_IN_URL = re.compile(r"(s3a?|gs|gcs)://[^/@:]*:[^@]*@.*")


def _place(value: Any) -> Any:
    """Return a path, except for a URL, which no path can hold."""
    if isinstance(value, str) and _KEY_IN_URL.fullmatch(value):
        remedy = "Give them by variables, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        raise PydanticCustomError("models", "must be a URL without credentials", {"remedy": remedy})
    return Path(value) if isinstance(value, str) and not _URL.fullmatch(value) else value


class Settings(BaseSettings):
    """Settings of one server process."""

    model_config = SettingsConfigDict(
        env_prefix="AUGMENT_",
        extra="forbid",
        frozen=True,
        cli_prog_name="python -m augment_server",
        cli_kebab_case=True,
        cli_hide_none_type=True,
        cli_implicit_flags=True,
    )

    models: Annotated[Path | str, BeforeValidator(_place)] = Field(
        default=Path("models"), description="directory of the bundles to host, or s3://..., gs://..."
    )
    cache_dir: Path | None = Field(default=None, description="where copies of remote bundles lie")
    watch_s: float = Field(
        default=5.0, ge=0, le=86_400, description="seconds between two looks at the models; 0: never"
    )
    versions: str = Field(
        default="latest",
        pattern=r"^(latest|all|[1-9][0-9]{0,5})$",
        description="versions of each model to keep loaded: latest, all, or how many of the newest",
    )
    pin: dict[str, Annotated[int, Field(ge=1)]] = Field(
        default_factory=dict, description="the one version of a model to serve, e.g. adult=3"
    )
    max_model_bytes: int | None = Field(
        default=None, ge=1, description="bytes of graphs to keep loaded; default: no limit"
    )
    workers: int = Field(
        default=1, ge=1, le=256, description="server processes on the port, which share CPUs and limits"
    )
    host: str = Field(default="127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(default=50051, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    plaintext: bool = Field(
        default=False, description="serve without TLS beyond this machine: something else must encrypt"
    )
    tls_cert: Path | None = Field(default=None, description="PEM file of the certificate chain")
    tls_key: Path | None = Field(default=None, description="PEM file of its key")
    tls_client_ca: Path | None = Field(
        default=None, description="PEM file of who must have signed clients' certificates (mutual TLS)"
    )
    clients: Path | None = Field(
        default=None, description="YAML file of clients: hashed tokens, scopes, quotas; default: anyone may"
    )
    default_rows_per_minute: int | None = Field(
        default=None,
        ge=1,
        description="quota of each client that has none of its own, rows a minute; default: no quota",
    )
    jwt_keys: Path | None = Field(
        default=None, description="JSON Web Key Set by which clients' JSON Web Tokens are signed"
    )
    jwt_issuer: str = Field(default="", description="who must have issued JSON Web Tokens")
    jwt_audience: str = Field(default="", description="for whom JSON Web Tokens must be")
    trusted_keys: Path | None = Field(
        default=None,
        description="PEM file, or directory of such, whose signature a bundle must have to be served",
    )
    allow_empty: bool = Field(default=False, description="start even if there is no model to host")
    threads: int | None = Field(
        default=None, ge=1, le=256, description="threads of one computation; default: by the CPUs there are"
    )
    computations: int | None = Field(
        default=None, ge=1, le=256, description="computations at the same time; default: as many as CPUs"
    )
    max_rows_per_request: int = Field(
        default=MAX_ROWS_PER_CALL, ge=1, description="records in one unary call, in either direction"
    )
    max_request_bytes: int = Field(
        default=MAX_MESSAGE_BYTES, ge=1024, le=2**31 - 1, description="bytes of one request"
    )
    max_stream_rows: int = Field(
        default=1_000_000_000, ge=1, description="rows that one call of Generate may ask for"
    )
    max_queue_rows: int = Field(
        default=1_000_000, ge=1, description="rows of work that may wait; more is refused at once"
    )
    max_queue_s: float = Field(
        default=3.0, gt=0, le=3600, description="seconds that a call may wait for its turn"
    )
    max_batch_rows: int = Field(
        default=2048,
        ge=0,
        description="rows of waiting calls that are computed together; 0: each call by itself",
    )
    idle_s: float = Field(
        default=60.0,
        gt=0,
        le=86400,
        description="seconds after which a caller that does not send or read is cut off",
    )
    hang_s: float = Field(
        default=60.0,
        ge=2,  # four times the time from one sign to the next
        le=86400,
        description="seconds without a sign of life after which one of several workers is replaced",
    )
    start_s: float = Field(
        default=1800.0,
        ge=10,  # a worker with one small model takes a few
        le=86400,
        description="seconds that one of several workers may take to open its models, or is replaced",
    )
    metrics_port: int | None = Field(
        default=None, ge=0, le=65535, description="port of the Prometheus metrics; default: none"
    )
    metrics_host: str = Field(default="127.0.0.1", min_length=1, description="address of the metrics")
    otlp_endpoint: str = Field(
        default="",
        description="OpenTelemetry collector that traces go to, http://host:port; default: no traces",
    )
    grace_s: float = Field(
        default=30.0, ge=0, le=3600, description="seconds that calls in flight may go on after SIGTERM"
    )
    drain_delay_s: float = Field(
        default=0.0,
        ge=0,
        le=3600,
        description="seconds that new calls are still taken after SIGTERM, while health says NOT_SERVING",
    )
    admin_port: int | None = Field(
        default=None, ge=0, le=65535, description="port of the AdminService; default: there is none"
    )
    admin_host: str = Field(default="127.0.0.1", min_length=1, description="address of the AdminService")
    admin_token_file: Path | None = Field(
        default=None, description="file with the AdminService's tokens, one a line"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least important log lines to write"
    )
    log_format: Literal["json", "console"] = Field(default="json", description="how log lines look")

    @model_validator(mode="after")
    def _admin_has_a_token(self) -> Self:
        if self.admin_port is not None and self.admin_token_file is None:
            remedy = "Give the latter too: a file with tokens, one a line"
            raise _broken("admin_port", "must come with --admin-token-file", remedy)
        return self

    @model_validator(mode="after")
    def _quotas_are_of_known_clients(self) -> Self:
        if self.default_rows_per_minute is not None and self.clients is None and self.jwt_keys is None:
            remedy = "Without them nobody knows who calls"
            raise _broken("default_rows_per_minute", "must come with --clients or --jwt-keys", remedy)
        return self


def _broken(setting: str, rule: str, remedy: str) -> PydanticCustomError:
    """Return the error of a rule about several settings, the first of which it names."""
    told = {"setting": setting, "rule": rule, "remedy": remedy}
    return PydanticCustomError("setting", "{setting} {rule}", told)
