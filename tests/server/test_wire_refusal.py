from __future__ import annotations

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]  # ships no types

from augment_proto.reasons import DOMAIN, Reason
from augment_proto.refusal import Refusal, Violation, pack, unpack
from augment_proto.v1 import augment_pb2

CODE = grpc.StatusCode.INVALID_ARGUMENT.value[0]


def test_reasons_are_those_of_the_protocol() -> None:
    """The names that Python uses are the names in augment.proto, all of them."""
    names = {name.removeprefix("REASON_") for name in augment_pb2.Reason.keys()}  # noqa: SIM118 - no dict
    assert {str(reason) for reason in Reason} == names


def test_a_refusal_comes_back_as_it_was() -> None:
    """Packing and unpacking loses nothing: code, reason, violations with all their parts, metadata, id."""
    refusal = Refusal(
        code=CODE,
        reason=Reason.INVALID_RECORDS,
        message="two rules are broken",
        violations=(
            Violation("columns.größe", "must be a number", "'x'", "Cast it"),
            Violation("a", "b", "c"),
        ),
        metadata={"name": "größe"},
        request_id="0123456789abcdef",
    )
    assert unpack(pack(refusal)) == refusal


def test_a_status_has_the_standard_parts_for_clients_of_other_languages() -> None:
    """ErrorInfo has reason and domain; BadRequest has field, sentence and reason."""
    violation = Violation("rows", "must be in [1, 10]", "0", "Ask for more")
    status = pack(Refusal(CODE, Reason.INVALID_REQUEST, "no", (violation,), request_id="12345678"))
    info, request, about = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.RequestInfo(),
    )
    assert status.details[0].Unpack(info)
    assert status.details[1].Unpack(request)
    assert status.details[2].Unpack(about)
    assert (info.reason, info.domain, about.request_id) == ("INVALID_REQUEST", DOMAIN, "12345678")
    broken = request.field_violations[0]
    assert (broken.field, broken.reason) == ("rows", "INVALID_REQUEST")
    assert broken.description == "rows must be in [1, 10], got 0. Ask for more"


@pytest.mark.parametrize("letter", ["x", "ß", "漢", "\U0001f600"])
def test_a_status_fits_into_headers_whatever_the_texts(letter: str) -> None:
    """Texts are cut and violations left out until the status is small, and the first ones stay."""
    long = Violation(*(letter * 5000,) * 4)
    metadata = {f"key{number}": letter * 5000 for number in range(3)}
    status = pack(Refusal(CODE, Reason.INVALID_RECORDS, letter * 5000, (long,) * 50, metadata))
    assert status.ByteSize() < 6000
    back = unpack(status)
    assert back.reason is Reason.INVALID_RECORDS
    assert len(back.message) == 200
    assert len(back.violations) <= 8


def test_a_single_long_remedy_arrives_whole() -> None:
    """It is what a caller needs most: the column list, or how a condition is written."""
    violation = Violation("columns.x", "must be a column", "x", "Columns: " + ", ".join(["column"] * 50))
    back = unpack(pack(Refusal(CODE, Reason.INVALID_RECORDS, str(violation), (violation,))))
    assert back.violations == (violation,)
    assert back.message == str(violation)


def test_violations_of_usual_size_all_arrive() -> None:
    """Eight violations as the library writes them are small enough to be told."""
    rule = "must be one of the schema's columns (age, city, income)"
    violations = tuple(
        Violation(f"columns.c{number}", rule, "an unknown column", "Drop it") for number in range(9)
    )
    back = unpack(pack(Refusal(CODE, Reason.INVALID_RECORDS, "no", violations)))
    assert back.violations == violations[:8]


def test_details_of_others_are_left_alone() -> None:
    """A status of another domain, without details, or with an unknown reason has no reason of ours."""
    foreign = status_pb2.Status(code=8)
    foreign.details.add().Pack(error_details_pb2.ErrorInfo(reason="INTERNAL", domain="example.com"))
    newer = status_pb2.Status(code=8)
    newer.details.add().Pack(error_details_pb2.ErrorInfo(reason="OF_TOMORROW", domain=DOMAIN))
    for status in (foreign, newer, status_pb2.Status(code=8)):
        assert unpack(status).reason is Reason.UNSPECIFIED
        assert unpack(status).code == 8
