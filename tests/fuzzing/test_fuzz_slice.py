"""A quick slice of `make fuzz`, of a fixed seed: bodies to every method of a live server, mutated bundles."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from augment.bundle.manifest import canonical_json
from augment_proto.arrow import to_ipc
from fuzzing.bodies import body, methods
from fuzzing.bundle_target import BundleTarget
from fuzzing.verdicts import Case
from tests.bundle.hostile import small_bundle
from tests.server.running import ServerThread, threaded_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

NEVER = {grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL, grpc.StatusCode.DATA_LOSS}


@pytest.fixture(scope="module")
def small_server(models_dir: Path) -> Iterator[ServerThread]:
    """A server whose calls may have few rows."""
    with threaded_server(models_dir, max_rows_per_request=64, max_stream_rows=512) as server:
        yield server


def test_no_body_ends_a_call_unlike_grpc(small_server: ServerThread, table: pa.Table) -> None:
    """300 bodies, half of them mutated, to all methods but the operator's end as the protocol says."""
    chance = random.Random(5)  # noqa: S311 - to be repeated
    streams = [
        to_ipc(table.slice(0, 3)),
        to_ipc(table.slice(0, 1)),
        to_ipc(table.select(["age"]).slice(0, 2)),
    ]
    asked = [method for method in methods() if not method.admin]
    codes: list[grpc.StatusCode] = []
    with grpc.insecure_channel(small_server.target) as channel:
        for number in range(300):
            method = asked[number % len(asked)]
            call: Any = channel.stream_stream(method.path)
            answers = call(iter([body(method, chance, streams, "tiny")]), timeout=30)
            try:
                next(answers, None)
                codes.append(grpc.StatusCode.OK)
            except grpc.RpcError:
                codes.append(answers.code())
            answers.cancel()
            assert codes[-1] not in NEVER, (method.path, answers.details())
    assert {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT} <= set(codes)


def test_mutated_bundles_are_refused_or_taken(tmp_path: Path) -> None:
    """Nothing but refusals comes of 60 mutated bundles, half with hashes that hold, and of their keys."""
    target = BundleTarget(small_bundle(tmp_path), tmp_path / "mutated")
    cases = [target.case(random.Random(f"9-{number}"), number) for number in range(1000)]  # noqa: S311 - to be repeated
    ends = [target.attempt(case) for case in cases[:60]]
    assert sum(end.startswith("refused") for end in ends) > 30
    assert {"signature.json", "own.pem", "own.pub.pem", "manifest.json"} <= {case.name for case in cases[:60]}


def test_what_was_changed_is_not_taken_for_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The target itself finds out where a check of signatures lets something else through."""
    target = BundleTarget(small_bundle(tmp_path), tmp_path / "mutated")
    manifest = json.loads(target.good["manifest.json"]) | {"created_at": "2026-01-01T00:00:00Z"}
    changed = Case("manifest.json", {**target.good, "manifest.json": canonical_json(manifest)})
    assert target.attempt(Case("signature.json", target.good)) == "taken"
    assert target.attempt(changed) == "taken"  # by who asks for no signature
    monkeypatch.setattr("augment.bundle.signing.TrustedKeys.require", lambda *_: None)
    with pytest.raises(AssertionError, match="taken for signed"):
        target.attempt(changed)
