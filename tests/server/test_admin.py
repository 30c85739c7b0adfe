from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc_status import rpc_status

from augment_proto.reasons import Reason
from augment_proto.refusal import unpack
from augment_proto.v1 import admin_pb2 as pb
from augment_proto.v1.admin_pb2_grpc import AdminServiceStub
from augment_server import Registry
from augment_server.admin import AdminListener
from augment_server.main import main
from tests.server.running import settings, threaded_server
from tests.server.versions import copied, spoilt, states

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TOKEN = "an-operators-token-0123456789"  # noqa: S105 - made up
METADATA = (("authorization", f"Bearer {TOKEN}"),)


@contextmanager
def administered(models: Path, token_file: Path) -> Iterator[tuple[Registry, AdminServiceStub]]:
    """A server with an admin listener, and a stub that calls the latter."""
    token_file.write_text(f"# the operator's\n{TOKEN}\n")
    options = settings(models, admin_port=0, admin_token_file=token_file)
    registry = Registry.open(options)
    with threaded_server(models, registry) as server:
        listener: Any = server.run(AdminListener.start(options, registry, server.server.metrics))
        try:
            with grpc.insecure_channel(f"127.0.0.1:{listener.port}") as channel:
                yield registry, AdminServiceStub(channel)
        finally:
            server.run(listener.stop())


def refused(call: Callable[[], object]) -> Any:
    """Return the refusal that a call ends in."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    failed: Any = caught.value
    status = rpc_status.from_call(failed)
    assert status is not None
    return unpack(status)


def test_the_operator_loads_unloads_and_names_versions(tiny_bundle: Path, tmp_path: Path) -> None:
    """A rollback by hand, an alias that survives in the file, and a model taken out and put back."""
    models = copied(tiny_bundle, tmp_path / "models", 1, 2)
    spoilt(tiny_bundle, models, 3)
    with administered(models, tmp_path / "token") as (registry, stub):
        listed = stub.ListVersions(pb.ListVersionsRequest(), metadata=METADATA)
        (model,) = listed.models
        assert (model.name, model.served, [each.version for each in model.versions]) == ("tiny", 2, [1, 2, 3])
        assert "golden.arrow" in model.versions[2].reason
        assert (listed.counts["loaded"], listed.counts["refused"]) == (1, 1)
        assert stub.UnloadModel(
            pb.UnloadModelRequest(model="tiny", version=2), metadata=METADATA
        ).versions == [2]
        registry.refresh()
        assert (registry.served("tiny"), states(registry)) == (1, {1: "READY", 2: "UNLOADED", 3: "REFUSED"})
        told = refused(
            lambda: stub.LoadModel(pb.LoadModelRequest(model="tiny", version=3), metadata=METADATA)
        )
        assert told.reason is Reason.BUNDLE_UNUSABLE
        stub.LoadModel(pb.LoadModelRequest(model="tiny", version=2), metadata=METADATA)
        assert registry.served("tiny") == 2
        stub.SetAlias(pb.SetAliasRequest(model="tiny", alias="stable", version=1), metadata=METADATA)
        assert '"stable": 1' in (models / "aliases.json").read_text()
        told = refused(
            lambda: stub.UnloadModel(pb.UnloadModelRequest(model="tiny", version=1), metadata=METADATA)
        )
        assert (told.reason, told.violations[0].field) == (Reason.INVALID_REQUEST, "version")
        for request, reason in (
            (pb.SetAliasRequest(model="tiny", alias="3", version=1), Reason.INVALID_REQUEST),
            (pb.SetAliasRequest(model="tiny", alias="new", version=3), Reason.BUNDLE_UNUSABLE),
            (pb.SetAliasRequest(model="tiny", alias="new", version=9), Reason.VERSION_NOT_FOUND),
        ):
            assert refused(partial(stub.SetAlias, request, metadata=METADATA)).reason is reason
        stub.DeleteAlias(pb.DeleteAliasRequest(model="tiny", alias="stable"), metadata=METADATA)
        told = refused(
            lambda: stub.DeleteAlias(pb.DeleteAliasRequest(model="tiny", alias="stable"), metadata=METADATA)
        )
        assert told.reason is Reason.ALIAS_NOT_FOUND
        stub.UnloadModel(pb.UnloadModelRequest(model="tiny"), metadata=METADATA)
        assert registry.models() == []
        stub.LoadModel(pb.LoadModelRequest(model="tiny", version=1), metadata=METADATA)
        assert registry.served("tiny") == 1


def test_a_file_of_aliases_that_cannot_be_read_is_not_written_over(tiny_bundle: Path, tmp_path: Path) -> None:
    """A slip in an edit by hand costs no alias: changes are refused, with the reason, until it is mended."""
    models = copied(tiny_bundle, tmp_path / "models", 1, 2)
    aliases = models / "aliases.json"
    with administered(models, tmp_path / "token") as (_, stub):
        set_alias = partial(
            stub.SetAlias, pb.SetAliasRequest(model="tiny", alias="new", version=1), metadata=METADATA
        )
        set_alias()
        slip = '{"tiny": {"new": 1, "canary": 2,}}'
        aliases.write_text(slip)
        delete_alias = partial(
            stub.DeleteAlias, pb.DeleteAliasRequest(model="tiny", alias="new"), metadata=METADATA
        )
        for change in (set_alias, delete_alias):
            told = refused(change)
            assert (told.reason, told.violations[0].remedy) == (
                Reason.INVALID_REQUEST,
                "Mend the file, or remove it",
            )
            assert "aliases.json" in told.message
            assert str(tmp_path) not in told.message
            assert aliases.read_text() == slip
        aliases.write_text(slip.replace(",}", "}"))
        set_alias()
        assert '"canary": 2' in aliases.read_text()


def test_an_alias_of_a_version_that_was_unloaded_by_hand_is_refused_with_what_to_do(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    """It is there, and so is not told as missing, nor is it named among those that can be had."""
    with administered(copied(tiny_bundle, tmp_path / "models", 1, 2), tmp_path / "token") as (_, stub):
        stub.UnloadModel(pb.UnloadModelRequest(model="tiny", version=1), metadata=METADATA)
        told = refused(
            lambda: stub.SetAlias(pb.SetAliasRequest(model="tiny", alias="old", version=1), metadata=METADATA)
        )
        assert told.reason is Reason.INVALID_REQUEST
        assert "unloaded by hand, got 1. Load it first" in told.message
        told = refused(
            lambda: stub.UnloadModel(pb.UnloadModelRequest(model="tiny", version=1), metadata=METADATA)
        )
        assert (told.reason, told.metadata["available"]) == (Reason.VERSION_NOT_FOUND, "2")


@pytest.mark.parametrize(
    "metadata",
    [(), (("authorization", "Bearer wrong-token-0123456789"),), (("authorization", TOKEN),)],
    ids=["none", "wrong", "no scheme"],
)
def test_nobody_without_the_token_is_heard(
    tmp_path: Path, tiny_bundle: Path, metadata: tuple[tuple[str, str], ...]
) -> None:
    """No token, a wrong one, and one without its scheme are refused before anything is done."""
    with administered(copied(tiny_bundle, tmp_path / "models", 1), tmp_path / "token") as (registry, stub):
        told = refused(lambda: stub.UnloadModel(pb.UnloadModelRequest(model="tiny"), metadata=metadata))
        assert told.reason is Reason.UNAUTHENTICATED
        assert registry.served("tiny") == 1


def test_the_public_port_has_no_admin_service(models_dir: Path) -> None:
    """The operator's methods are unknown where everybody calls."""
    with threaded_server(models_dir) as server, grpc.insecure_channel(server.target) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            AdminServiceStub(channel).ListVersions(pb.ListVersionsRequest(), metadata=METADATA)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_an_admin_port_wants_a_token_file_with_a_long_token(
    models_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without one, or with one that anybody could guess, the server does not start, and says why."""
    (tmp_path / "short").write_text("admin\n")
    port = ["--models", str(models_dir), "--port", "0", "--admin-port", "0"]
    for more in (
        [],
        ["--admin-token-file", str(tmp_path / "none")],
        ["--admin-token-file", str(tmp_path / "short")],
    ):
        assert main([*port, *more]) == 2
        assert "admin-token-file" in capsys.readouterr().err.replace("_", "-")
