"""A second copy at a syslog receiver: RFC 5424 over real sockets; what was not read to its end was not taken."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from hitl_fsm.adapters.sinks import syslog
from hitl_fsm.errors import SettingsError, SinkError
from hitl_fsm.sinks import Syslog
from moments import HUNG_S
from receiver import wait_for
from sinks import counted, lines_of, tcp_syslog, unix_syslog

RFC5424 = re.compile(
    rb"<109>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [!-~]{1,255} hitl-fsm \d+ run_created - (\{.*\})", re.DOTALL
)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syslog, "SEND_S", 0.2)


def bodies(lines: list[Any]) -> list[bytes]:
    return [line.body for line in lines]


async def test_by_tcp_each_line_is_one_counted_message() -> None:
    lines = lines_of(300, who="é\nü")
    with tcp_syslog() as told:
        await Syslog(told.url).write(lines)
        assert [RFC5424.fullmatch(one)[1] for one in told.messages] == bodies(lines)  # type: ignore[index]


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("mood", ["refuses", "hangs"])
async def test_a_receiver_that_does_not_read_to_the_end_has_taken_nothing(
    mood: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tcp_syslog() as told:
        told.mood, sink = mood, Syslog(told.url)
        with pytest.raises(SinkError):
            await sink.write(lines_of(2))
        told.mood = "takes"
        monkeypatch.setattr(syslog, "SEND_S", HUNG_S)
        await sink.write(lines_of(2))
        assert told.bodies == bodies(lines_of(2))
    with pytest.raises(SinkError, match="refused"):
        await sink.write(lines_of(1))


def closing(serve: Callable[[socket.socket], None], *, room: int = 0) -> tuple[socket.socket, str]:
    """A receiver that does this with each connection; its host keeps `room` bytes for it (0: the usual)."""
    server = socket.create_server(("127.0.0.1", 0))
    if room:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)

    def accept() -> None:
        with suppress(OSError):
            while True:
                serve(server.accept()[0])

    threading.Thread(target=accept, daemon=True).start()
    return server, f"syslog+tcp://127.0.0.1:{server.getsockname()[1]}"


def half_closed(connection: socket.socket) -> None:
    """It has ended before it read anything; what comes is thrown away."""
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(65_536):
        pass
    connection.close()


@pytest.mark.parametrize("serve", [half_closed, socket.socket.close])
async def test_a_receiver_that_closes_before_the_end_of_the_lines_has_not_taken_them(
    serve: Callable[[socket.socket], None],
) -> None:
    server, url = closing(serve, room=4096)
    with server, pytest.raises(SinkError):
        await Syslog(url).write(lines_of(500, filler="x" * 4000))


FAR = """
import asyncio, sys
sys.path[:0] = ["tests", "tests/unit/sinks", "."]
from hitl_fsm.sinks import Syslog
from hitl_fsm.errors import SinkError
from sinks import lines_of
from test_syslog_sink import closing
import socket
taken = 0
for _ in range(5):
    server, url = closing(socket.socket.close)
    try:
        asyncio.run(Syslog(url).write(lines_of(500)))
        taken += 1
    except SinkError:
        pass
print("taken", taken)
"""
SLOW_WIRE = "ip link set lo up && tc qdisc add dev lo root tbf rate 200kbit burst 1600 latency 10s"


def test_a_receiver_that_closes_while_the_lines_are_on_their_way_has_not_taken_them() -> None:
    """A balancer with nobody behind it, on a wire that is not as fast as loopback."""
    slow = ["unshare", "-rn", "sh", "-c", f'{SLOW_WIRE} && exec "$@"', "sh"]
    if shutil.which("unshare") is None or subprocess.run([*slow, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no wire of one's own can be made here")
    done = subprocess.run([*slow, sys.executable, "-c", FAR], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "taken 0\n", done.stderr


async def test_a_name_that_is_no_hosts_is_an_error_that_says_so() -> None:
    with pytest.raises(SinkError, match="UnicodeError"):
        await Syslog(f"syslog+tcp://{'a' * 70}.example:601").write(lines_of(1))


async def test_by_a_local_socket_each_line_is_one_datagram(tmp_path: Path) -> None:
    lines = lines_of(3)
    with unix_syslog(tmp_path) as told:
        await Syslog(told.url).write(lines)
        wait_for(lambda: len(told.messages) == 3)
        assert [RFC5424.fullmatch(one)[1] for one in told.messages] == bodies(lines)  # type: ignore[index]


@pytest.mark.usefixtures("short")
async def test_a_local_socket_that_is_full_or_gone_is_an_error(tmp_path: Path) -> None:
    with unix_syslog(tmp_path) as told:
        told.mood = "hangs"
        with pytest.raises(SinkError):
            await Syslog(told.url).write(lines_of(2_000, filler="x" * 1000))
    with pytest.raises(SinkError):
        await Syslog(told.url).write(lines_of(1))
    with pytest.raises(SinkError, match="No such file"):
        await Syslog(f"syslog+unix://{tmp_path}/none").write(lines_of(1))


async def test_a_line_that_is_too_long_is_an_error_and_never_cut() -> None:
    with tcp_syslog() as told:
        with pytest.raises(SinkError, match="line 1 of the record is a message of"):
            await Syslog(told.url, max_bytes=600).write(lines_of(1, filler="x" * 1000))
        assert told.messages == []
        await Syslog(told.url, max_bytes=2000).write(lines_of(1, filler="x" * 1000))
        assert len(told.messages) == 1


def certificate(folder: Path) -> ssl.SSLContext:
    """Of a receiver called localhost, signed by itself; `folder/ca.pem` is what to trust."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    (folder / "ca.pem").write_bytes(pem)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(secret + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    return context


async def test_by_tls_it_must_be_who_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tcp_syslog(certificate(tmp_path)) as told:
        with pytest.raises(SinkError):
            await Syslog(told.url).write(lines_of(2))
        assert told.messages == []
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        await Syslog(told.url).write(lines_of(2))
        assert told.bodies == bodies(lines_of(2))


@pytest.mark.parametrize("body", [b"no json", b"\xff\xfe", b'{"at":"x"}', b'{"at":99999999999999999999}', b"[" * 5000])
def test_a_line_that_cannot_be_read_is_a_message_all_the_same(body: bytes) -> None:
    from hitl_fsm.ports import RecordLine

    made = syslog.message(RecordLine(7, body, ""))
    assert made.startswith(b"<109>1 - ")
    assert made.endswith(b" - - " + body)
    assert counted(b"%d %b" % (len(made), made)) == [made]


@pytest.mark.parametrize(
    "url",
    ["syslog://a", "syslog+tcp://", "syslog+tcp://u:p@h", "syslog+tcp://h/x", "syslog+tcp://h:x", "", "syslog+unix://"],
)
def test_what_names_no_receiver_is_refused(url: str) -> None:
    with pytest.raises(SettingsError):
        Syslog(url)
