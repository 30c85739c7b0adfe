"""What 200 stalled clients cost a server: some do not read what they asked for, some do not end requests.

Each has a connection of its own. Memory is that of the server's process, before, while they stall, and
after the idle time has cut them off.
"""

from __future__ import annotations

import argparse
import socket
import threading
import time
from typing import TYPE_CHECKING

import grpc

from augment_proto.reasons import SERVICE
from augment_proto.v1 import augment_pb2 as pb
from serving.host import add_models_flag, hosting, machine

if TYPE_CHECKING:
    from serving.host import Host

_ROWS = 100_000_000
_SETTLE_S = 1.0
_METHODS = {"uploaders": "Denoise", "uploaders of streams": "DenoiseStream"}


class Stalled:
    """Clients that stall, until they are released."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._channels: list[grpc.Channel] = []
        self._calls: list[object] = []
        self.released = threading.Event()

    def read_one(self, model: str) -> None:
        """Ask for a long stream, read its header, and no more."""
        stream = self._channel().unary_stream(
            f"/{SERVICE}/Generate", pb.GenerateRequest.SerializeToString, pb.GenerateResponse.FromString
        )
        call = stream(pb.GenerateRequest(model=model, rows=_ROWS, seed=len(self._channels)))
        next(call)
        self._calls.append(call)

    def send_part(self, size: int, method: str) -> None:
        """Begin a request of `size` bytes and never send its last one: HTTP/2 by hand."""
        self._calls.append(half_sent(self._target, size, method))

    def release(self) -> None:
        """Close all connections."""
        self.released.set()
        for channel in self._channels:
            channel.close()

    def _channel(self) -> grpc.Channel:
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.http2.bdp_probe", 0)]
        self._channels.append(grpc.insecure_channel(self._target, options))
        return self._channels[-1]


def half_sent(target: str, size: int, method: str = "Denoise") -> socket.socket:
    """Open a connection and send headers and all but the end of a message, as far as the server takes it.

    Args:
        target: Of the server.
        size: Bytes of the message.
        method: One of our own, or `service/method`.
    """
    connection = _begun(target, method, b"")
    threading.Thread(target=_pour, args=(connection, size), daemon=True).start()
    return connection


def unread(target: str, method: str, message: bytes) -> socket.socket:
    """Open a connection and send a whole message, and take not a byte of the answer, which has no window.

    Args:
        target: Of the server.
        method: One of our own, or `service/method`.
        message: A small one.
    """
    connection = _begun(target, method, b"\0\4" + bytes(4))  # SETTINGS_INITIAL_WINDOW_SIZE
    connection.sendall(_frame(0, 1, 1, b"\0" + len(message).to_bytes(4, "big") + message))
    return connection


def _begun(target: str, method: str, settings: bytes) -> socket.socket:
    """Return a connection on which a call has begun."""
    host, _, port = target.partition(":")
    connection = socket.create_connection((host, int(port)))
    path = f"/{method}" if "/" in method else f"/{SERVICE}/{method}"
    pairs = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "x")]
    pairs += [("content-type", "application/grpc"), ("te", "trailers")]
    block = b"".join(_literal(name, value) for name, value in pairs)
    frames = _frame(4, 0, 0, settings) + _frame(1, 4, 1, block)
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frames)
    return connection


def _pour(connection: socket.socket, size: int) -> None:
    """Send a message's prefix and body but for its last byte, heeding the windows that the server opens."""
    window = {0: 65_535, 1: 65_535}
    left = bytearray(b"\0" + size.to_bytes(4, "big"))
    owed = size - 1
    try:
        while owed or left:
            while (room := min(window[0], window[1], 16_384)) <= 0:
                _take_windows(connection, window)
            piece = bytes(left) or bytes(min(owed, room))
            owed -= 0 if left else len(piece)
            left.clear()
            connection.sendall(_frame(0, 0, 1, piece))
            window[0], window[1] = window[0] - len(piece), window[1] - len(piece)
        while True:
            _take_windows(connection, window)
    except OSError:
        return


def _take_windows(connection: socket.socket, window: dict[int, int]) -> None:
    """Read one frame, and answer it or add what it grants."""
    head = _exactly(connection, 9)
    body = _exactly(connection, int.from_bytes(head[:3], "big"))
    kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
    if kind == 8:  # noqa: PLR2004 - WINDOW_UPDATE, RFC 9113 section 6.9
        window[stream] = window.get(stream, 65_535) + int.from_bytes(body, "big")
    elif kind == 4 and not flags:  # noqa: PLR2004 - SETTINGS, section 6.5
        for at in range(0, len(body), 6):
            if body[at : at + 2] == b"\0\4":  # SETTINGS_INITIAL_WINDOW_SIZE
                window[1] += int.from_bytes(body[at + 2 : at + 6], "big") - 65_535
        connection.sendall(_frame(4, 1, 0, b""))
    elif kind == 6 and not flags:  # noqa: PLR2004 - PING, section 6.7
        connection.sendall(_frame(6, 1, 0, body))


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise OSError("closed")
        data += more
    return data


def _frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return len(body).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + body


def _literal(name: str, value: str) -> bytes:
    """Return a header field that is not indexed (RFC 7541 section 6.2.2)."""
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def measure(host: Host, options: argparse.Namespace, kind: str) -> None:
    """Let clients stall, then wait until they are cut off; print the memory."""
    clients = Stalled(host.target)
    time.sleep(_SETTLE_S)
    before = host.memory_mib()
    peak = before
    for _ in range(options.clients):
        if kind == "readers":
            clients.read_one(options.model)
        else:
            clients.send_part(options.upload_mib * 2**20, _METHODS[kind])
        peak = max(peak, host.memory_mib())
    ends = time.monotonic() + options.idle_s + 5
    while time.monotonic() < ends:
        peak = max(peak, host.memory_mib())
        time.sleep(0.1)
    cut = sum(line.get("reason") in {"IDLE", "OVERLOADED"} for line in host.lines())
    clients.release()
    time.sleep(_SETTLE_S)
    more = peak - before
    print(f"  {options.clients} {kind}: {more:.0f} MiB more, {more / options.clients:.2f} each", end="")
    print(f"; target <= 512, <= 8 each; after: {host.memory_mib() - before:.0f} MiB; cut off so far: {cut}")


def main() -> None:
    """Measure as the flags say."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_models_flag(parser)
    parser.add_argument("--clients", type=int, default=200, help="default: %(default)s")
    parser.add_argument("--idle-s", type=float, default=20.0, help="the server's; default: %(default)s")
    parser.add_argument(
        "--upload-mib", type=int, default=15, help="of a stalled request; default: %(default)s"
    )
    options = parser.parse_args()
    print(machine())
    for kind in ("readers", *_METHODS):
        with hosting(options.models, "--idle-s", str(options.idle_s)) as host:
            measure(host, options, kind)


if __name__ == "__main__":
    main()
