from __future__ import annotations

import inspect

import grpc
import pytest

from augment import errors
from augment_proto.errors import ArrowFormatError, ArrowLimitError
from augment_proto.reasons import Reason
from augment_server.hosting.snapshot import AliasNotFoundError
from augment_server.hosting.store import StoreError
from augment_server.status import TooLargeError, is_fault, refusal_of

VIOLATION = errors.Violation("columns.age", "must be a number", "'x'", "Cast it")
EXPECTED = {
    errors.InvalidInputError: (grpc.StatusCode.INVALID_ARGUMENT, Reason.INVALID_REQUEST),
    errors.RequestError: (grpc.StatusCode.INVALID_ARGUMENT, Reason.INVALID_REQUEST),
    TooLargeError: (grpc.StatusCode.INVALID_ARGUMENT, Reason.TOO_LARGE),
    errors.RecordsError: (grpc.StatusCode.INVALID_ARGUMENT, Reason.INVALID_RECORDS),
    errors.SchemaError: (grpc.StatusCode.INVALID_ARGUMENT, Reason.INVALID_RECORDS),
    errors.DataFileError: (grpc.StatusCode.INVALID_ARGUMENT, Reason.INVALID_RECORDS),
    ArrowFormatError: (grpc.StatusCode.INVALID_ARGUMENT, Reason.INVALID_ARROW),
    ArrowLimitError: (grpc.StatusCode.INVALID_ARGUMENT, Reason.TOO_LARGE),
    errors.NotFoundError: (grpc.StatusCode.INTERNAL, Reason.INTERNAL),
    errors.ModelNotFoundError: (grpc.StatusCode.NOT_FOUND, Reason.MODEL_NOT_FOUND),
    errors.VersionNotFoundError: (grpc.StatusCode.NOT_FOUND, Reason.VERSION_NOT_FOUND),
    AliasNotFoundError: (grpc.StatusCode.NOT_FOUND, Reason.ALIAS_NOT_FOUND),
    StoreError: (grpc.StatusCode.UNAVAILABLE, Reason.STORE_UNAVAILABLE),
    errors.ColumnNotFoundError: (grpc.StatusCode.INVALID_ARGUMENT, Reason.COLUMN_NOT_FOUND),
    errors.UnsupportedError: (grpc.StatusCode.UNIMPLEMENTED, Reason.UNSUPPORTED_OPERATION),
    errors.BundleError: (grpc.StatusCode.FAILED_PRECONDITION, Reason.BUNDLE_UNUSABLE),
    errors.BundleCorruptError: (grpc.StatusCode.FAILED_PRECONDITION, Reason.BUNDLE_UNUSABLE),
    errors.GraphError: (grpc.StatusCode.INTERNAL, Reason.INTERNAL),
    errors.BundleVersionError: (grpc.StatusCode.FAILED_PRECONDITION, Reason.BUNDLE_UNUSABLE),
    errors.BundleUnsafeError: (grpc.StatusCode.FAILED_PRECONDITION, Reason.BUNDLE_UNUSABLE),
    errors.AugmentError: (grpc.StatusCode.INTERNAL, Reason.INTERNAL),
    errors.PublishError: (grpc.StatusCode.INTERNAL, Reason.INTERNAL),
    errors.NothingLearntError: (grpc.StatusCode.INTERNAL, Reason.INTERNAL),
    errors.TrainingError: (grpc.StatusCode.INTERNAL, Reason.INTERNAL),
    errors.ClusterError: (grpc.StatusCode.INTERNAL, Reason.INTERNAL),
    errors.GateError: (grpc.StatusCode.INTERNAL, Reason.INTERNAL),
    errors.StepError: (grpc.StatusCode.INTERNAL, Reason.INTERNAL),
    errors.ExportError: (grpc.StatusCode.INTERNAL, Reason.INTERNAL),
    RuntimeError: (grpc.StatusCode.INTERNAL, Reason.INTERNAL),
}


def example(kind: type[Exception]) -> Exception:
    if issubclass(kind, errors.InvalidInputError):
        return kind(VIOLATION, context="/secret/data.csv")
    if issubclass(kind, ArrowFormatError):
        return kind("must not be compressed", "zstd")
    if issubclass(kind, errors.NotFoundError):
        return kind("adult", ("tiny", "other"))
    if issubclass(kind, errors.BundleError):
        return kind("/secret/models/adult/1", "its weights leak")
    return kind("model tiny/1 cannot fly" if kind is errors.UnsupportedError else "/secret text")


def test_the_table_speaks_of_every_domain_error() -> None:
    """No error class of the library was forgotten."""
    kinds = {kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)}
    assert kinds <= set(EXPECTED)


@pytest.mark.parametrize("kind", EXPECTED, ids=lambda kind: kind.__name__)
def test_every_error_has_its_status_and_reason(kind: type[Exception]) -> None:
    """Status and reason are those of the table; nothing of paths or of our own faults is told."""
    refusal = refusal_of(example(kind), "request-1")
    code, reason = EXPECTED[kind]
    assert (refusal.code, refusal.reason) == (code.value[0], reason)
    assert "secret" not in repr(refusal)
    assert refusal.request_id == "request-1"


def test_a_callers_mistake_is_told_field_by_field() -> None:
    """Field, rule, value and remedy of each violation go over the wire, Arrow's and columns' too."""
    told = refusal_of(errors.RecordsError(VIOLATION, VIOLATION), "id").violations
    assert [(v.field, v.rule, v.value, v.remedy) for v in told] == [
        ("columns.age", "must be a number", "'x'", "Cast it")
    ] * 2
    assert refusal_of(ArrowFormatError("must be x", "y"), "id").violations[0].field == "records"
    assert refusal_of(errors.ColumnNotFoundError("age"), "id").violations[0].field == "columns.age"


def test_not_found_tells_what_there_is() -> None:
    """Name and alternatives are metadata, not text to be parsed."""
    metadata = refusal_of(errors.ModelNotFoundError("adult", ("tiny", "other")), "id").metadata
    assert metadata == {"name": "adult", "available": "tiny, other"}


def test_faults_are_for_the_operator() -> None:
    """What is not the caller's doing is logged in full; what is, is not."""
    assert is_fault(RuntimeError("x"))
    assert is_fault(errors.BundleCorruptError("path", "x"))
    assert not is_fault(errors.RequestError(VIOLATION))
    assert not is_fault(errors.ModelNotFoundError("x"))
