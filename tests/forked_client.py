"""What stands in a forked command's place: `python -I -S forked_client.py SOCKET FIRST CODE ARGUMENTS…`.

It hands its arguments, environment, working directory and streams to the server, waits, and ends as the command ended.
Killed, it takes the command along. FIRST and CODE are what Python would be started with, if the server is not to do it:
`-c` and code, or a script and nothing. Imports as little as can be: this is what each command costs.
"""

import _signal
import _socket
import posix
import sys

RIGHTS = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))


def field(*values: bytes) -> bytes:
    return b"\0".join(values)


def request(first: str, arguments: list[str]) -> bytes:
    mask = posix.umask(0o22)
    posix.umask(mask)
    environ = [name + b"=" + value for name, value in posix.environ.items()]
    encoded = [one.encode("utf-8", "surrogateescape") for one in arguments]
    count = [str(len(environ)).encode()]
    whole = field(str(mask).encode(), posix.getcwd().encode("utf-8", "surrogateescape"), first.encode(),
                  *count, *environ, *encoded)  # fmt: skip
    return len(whole).to_bytes(8, "big") + whole


def main() -> None:
    place, first, code, *arguments = sys.argv[1:]
    server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    server.connect(place)
    whole = request(first, arguments)
    sent = server.sendmsg([whole], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, RIGHTS)])
    if sent < len(whole):
        server.sendall(whole[sent:])
    verdict = server.recv(1)
    if verdict == b"r":  # a real process, here
        posix.execv(sys.executable, [sys.executable, first, *([code] if code else []), *arguments])
    if verdict == b"f":
        posix.close(0)
        posix.close(1)
        told = server.recv(16)
        if told:
            status = int(told)
            if posix.WIFSIGNALED(status):
                number = posix.WTERMSIG(status)
                if number != _signal.SIGKILL:
                    _signal.signal(number, _signal.SIG_DFL)
                posix.kill(posix.getpid(), number)
            posix._exit(posix.WEXITSTATUS(status))
    sys.stderr.write("the fork server went away\n")
    posix._exit(97)


main()
