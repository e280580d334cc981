"""Several machines: the way from one to another, and lines by which each notices that another is gone.

A process that dies closes its connections, which the others notice at once. A machine that loses its power
or its network closes nothing: what waits for it waits as long as it may. So each process keeps an idle TCP
connection to the first one, which the kernels of both probe; one that breaks without a farewell is a loss.
The kernel answers for a process that computes, that is stopped, or that waits for memory.
"""

import math
import os
import secrets
import selectors
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from comedian.errors import InputError

SILENCE_SECONDS = 45.0  # after which a machine is gone; a switch that starts anew takes half of that
SILENCE = "COMEDIAN_SILENCE_SECONDS"  # in the environment, to change it
JOIN_SECONDS = 600.0  # in which all processes come: they import from network file systems
KEY_SECONDS = 5.0  # in which who comes tells the key, which our processes do at once
OWN_NOTICE_SECONDS = 1.0  # in which the main thread may meet the loss by itself
LAST_SECONDS = 20.0  # in which it cleans up
DAY_SECONDS = 86_400  # the longest silence: Linux takes no probe later than after 32,767 seconds
FAREWELL = b"."
MAPPED = "::ffff:"  # before an IPv4 address that came in by IPv6
PLACE = "comedian lines"  # in the store: port and key of the first process
KEY_BYTES, RANK = 16, struct.Struct("!I")
SIOCGIFADDR = 0x8915  # netdevice(7): the IPv4 address of an interface
_left_open: list[socket.socket] = []  # lines of a process that ends early, until it has told why


Lines = dict[socket.socket, str]  # whose other end is which process, as it is told


class Store(Protocol):
    """Where processes leave something for each other: torch's store."""

    def set(self, key: str, value: str) -> None: ...

    def get(self, key: str) -> bytes: ...


class ProcessLost(RuntimeError):
    """Another process of this job is gone."""


def span_machines() -> bool:
    """Whether torchrun's processes run on more than one machine."""
    return os.environ.get("WORLD_SIZE", "1") != os.environ.get("LOCAL_WORLD_SIZE", "1")


def choose_interface() -> None:
    """Let gloo use the interface that leads to the first machine.

    Else it takes the address of this machine's own name, which is the loopback on many a Linux.
    """
    if span_machines() and (name := _interface_to(os.environ["MASTER_ADDR"])):
        os.environ.setdefault("GLOO_SOCKET_IFNAME", name)


@contextmanager
def in_touch(rank: int, size: int, store: Store) -> Iterator[None]:
    """A block that ends by ProcessLost when another process or its machine is gone.

    The main thread is interrupted where it computes, and its connections are closed where it waits for
    another process; if it still goes on, it is ended.

    Raises:
        InputError: no line to the first process can be had.
    """
    if not span_machines():
        yield
        return
    lines = _to_others(size, store) if rank == 0 else _to_first(rank, store)
    _left_open.extend(lines)
    over = threading.Event()
    lost: list[str] = []
    bell, wire = socket.socketpair()
    watcher = threading.Thread(target=_watch, args=(lines, wire, over, lost), daemon=True)
    watcher.start()
    try:
        yield
    except (KeyboardInterrupt, RuntimeError) as error:
        over.set()
        if not lost:
            raise
        loss = ProcessLost(f"{lost[0]} was lost")
        for note in getattr(error, "__notes__", []):
            loss.add_note(note)
        raise loss from error
    finally:
        over.set()
        bell.send(FAREWELL)
        watcher.join()
    for line in lines:
        with suppress(OSError):
            line.send(FAREWELL)
        line.close()


def first_is_reachable(seconds: float) -> bool:
    """Whether the machine of torchrun's store answers, within so long."""
    with suppress(OSError):
        place = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        socket.create_connection(place, seconds).close()
        return True
    return False


def _to_others(size: int, store: Store) -> Lines:
    """In the first process: a line from each of the others, which tell a key that no stranger has."""
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    key = secrets.token_bytes(KEY_BYTES)
    lines: Lines = {}
    with socket.create_server(("", 0), family=family, dualstack_ipv6=both, backlog=size) as door:
        until = time.monotonic() + JOIN_SECONDS
        store.set(PLACE, f"{door.getsockname()[1]} {key.hex()}")
        while len(lines) < size - 1:
            door.settimeout(max(until - time.monotonic(), 0.001))
            try:
                line, address = door.accept()
            except TimeoutError:
                raise _not_reached("the other processes do not reach the first") from None
            rank = _rank_told(line, key)
            if rank is None:
                line.close()
            else:
                lines[_probed(line)] = f"process {rank}, on {address[0].removeprefix(MAPPED)},"
    return lines


def _rank_told(line: socket.socket, key: bytes) -> int | None:
    """Who comes, by the key and the rank that it tells; None of a stranger."""
    line.settimeout(KEY_SECONDS)
    with suppress(OSError):
        told = line.recv(KEY_BYTES + RANK.size, socket.MSG_WAITALL)
        if len(told) == KEY_BYTES + RANK.size and secrets.compare_digest(told[:KEY_BYTES], key):
            return int(RANK.unpack(told[KEY_BYTES:])[0])
    return None


def _to_first(rank: int, store: Store) -> Lines:
    """In another process: its line to the first."""
    port, key = store.get(PLACE).decode().split()
    address = os.environ["MASTER_ADDR"]
    try:
        line = socket.create_connection((address, int(port)), JOIN_SECONDS)
        line.sendall(bytes.fromhex(key) + RANK.pack(rank))
    except OSError as error:
        reason = error.strerror or error
        raise _not_reached(f"port {port} of {address}, of the first process: {reason}") from None
    return {_probed(line): f"process 0, on {address},"}


def _not_reached(what: str) -> InputError:
    return InputError(what, remedy="let the machines of a job reach each other on every port")


def _probed(line: socket.socket) -> socket.socket:
    """A line whose other end is asked for a sign of life; none in `SILENCE_SECONDS` breaks it."""
    line.settimeout(None)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    seconds = _silence_seconds()
    idle, interval = max(1, math.ceil(seconds / 3)), max(1, int(seconds / 9))
    idle_option = "TCP_KEEPALIVE" if hasattr(socket, "TCP_KEEPALIVE") else "TCP_KEEPIDLE"  # macOS, others
    probes = {idle_option: idle, "TCP_KEEPINTVL": interval}
    probes["TCP_KEEPCNT"] = max(1, int((seconds - idle) / interval))
    for name, value in probes.items():
        if hasattr(socket, name):
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return line


def _silence_seconds() -> float:
    """How long a machine may say nothing, as the environment has it."""
    text = os.environ.get(SILENCE, str(SILENCE_SECONDS))
    with suppress(ValueError):
        if 1 <= (seconds := float(text)) <= DAY_SECONDS:
            return seconds
    raise InputError(
        f"{text!r} are no seconds between 1 and {DAY_SECONDS:,}", SILENCE, "give 45, or unset it"
    )


def _watch(lines: Lines, wire: socket.socket, over: threading.Event, lost: list[str]) -> None:
    """In a thread: follow the lines until the block is over or one of them breaks."""
    with selectors.DefaultSelector() as ready:
        for each in (wire, *lines):
            ready.register(each, selectors.EVENT_READ)
        while not over.is_set():
            for key, _ in ready.select():
                line: Any = key.fileobj
                if line is not wire and not _said_farewell(line):
                    lost.append(lines[line])
                    _end(over, lines[line])
                    return
                ready.unregister(line)


def _said_farewell(line: socket.socket) -> bool:
    try:
        return line.recv(1) == FAREWELL
    except OSError:
        return False


def _end(over: threading.Event, lost: str) -> None:
    """Bring the main thread to its end, one way after the other."""
    if over.wait(OWN_NOTICE_SECONDS):
        return
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    if over.wait(OWN_NOTICE_SECONDS):
        return
    _close_connections()
    if not over.wait(LAST_SECONDS):
        os.write(2, f"comedian: {lost} was lost\n".encode())
        os._exit(1)


def _close_connections() -> None:
    """End what this process has open to others, so that libraries in C stop waiting for them."""
    for name in os.listdir("/dev/fd") if os.path.isdir("/dev/fd") else ():
        with suppress(OSError):
            copy = os.dup(int(name))
            try:
                connection = socket.socket(fileno=copy)
            except OSError:  # a file, or a pipe
                os.close(copy)
                continue
            with connection:
                if connection.family in (socket.AF_INET, socket.AF_INET6) and connection.getpeername():
                    connection.shutdown(socket.SHUT_RDWR)


def _interface_to(address: str) -> str:
    """Name of the IPv4 interface that leads to a machine, or "": none is known, or it is the loopback."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        return ""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((address, 9))  # sends nothing
        own = probe.getsockname()[0]
        for _, name in socket.if_nameindex():
            with suppress(OSError):
                asked = struct.pack("256s", name.encode()[:15])
                found = fcntl.ioctl(probe, SIOCGIFADDR, asked)[20:24]
                if socket.inet_ntoa(found) == own and not own.startswith("127."):
                    return name
    return ""
