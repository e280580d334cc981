"""Lines between processes; tests/cli/test_hosts.py cuts real ones."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from comedian import machines
from comedian.errors import InputError
from tests.hosts import can_be_made, two_hosts

ROOT = Path(__file__).parents[1]
PROCESS = """
import signal, sys, time
from comedian import machines

class Store(dict):
    set, get = dict.__setitem__, lambda self, key: self[key].encode()

store = Store({machines.PLACE: sys.argv[1]})
try:
    with machines.in_touch(1, 2, store):
        if "deaf" in sys.argv:
            machines.LAST_SECONDS = 0.2
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        print("in touch", flush=True)
        time.sleep(float(sys.argv[2]))
except machines.ProcessLost as loss:
    print(loss, flush=True)
"""


class Store(dict):
    """What torch's store does, in this process."""

    def __init__(self):
        self.there = threading.Event()

    def set(self, key: str, value: str) -> None:
        self[key] = value
        self.there.set()


@pytest.fixture
def first(monkeypatch):
    """first(body): a thread as the first process of two on two machines -> the thread, its outcome."""
    for name, value in {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    store, outcome = Store(), []

    def work(body) -> None:
        try:
            with machines.in_touch(0, 2, store):
                body()
            outcome.append("done")
        except BaseException as error:
            outcome.append(error)

    def start(body) -> tuple[threading.Thread, list]:
        thread = threading.Thread(target=work, args=(body,), daemon=True)
        thread.start()
        assert store.there.wait(10)
        return thread, outcome

    start.store = store
    return start


@pytest.fixture
def second(first):
    """second(seconds, …): another process, that ends well after so long."""
    started = []

    def start(*words) -> subprocess.Popen:
        place = first.store[machines.PLACE]
        line = [sys.executable, "-c", PROCESS, place, *map(str, words)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(line, cwd=ROOT, **pipes))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_who_ends_well_is_no_loss(first, second):
    thread, outcome = first(lambda: time.sleep(2))
    other = second(0)
    assert other.communicate(timeout=30)[0] == "in touch\n"
    thread.join(30)
    assert outcome == ["done"]


def test_a_process_that_is_killed_ends_the_first_where_it_waits(first, second, monkeypatch):
    """Not the main thread, which the tests need: a thread that waits for a connection, as gloo's do."""
    ours, theirs = socket.create_server(("127.0.0.1", 0)), socket.socket()
    theirs.connect(ours.getsockname())
    taken, _ = ours.accept()
    monkeypatch.setattr(machines.signal, "pthread_kill", lambda thread, signum: None)

    def wait() -> None:
        if not theirs.recv(1):
            raise RuntimeError("closed")

    thread, outcome = first(wait)
    other = second(60)
    assert other.stdout.readline() == "in touch\n"
    other.kill()
    thread.join(30)
    assert [(type(error), str(error)) for error in outcome] == [
        (machines.ProcessLost, "process 1, on 127.0.0.1, was lost")
    ]
    taken.close()


@pytest.fixture
def left(first, second):
    """left(…): a second process whose first one fails, and keeps its line open until `end()` is called."""

    def start(*words) -> tuple[subprocess.Popen, Callable[[], None]]:
        failing = threading.Event()

        def fail() -> None:
            failing.wait(30)
            raise ValueError("a mistake of its own")

        thread, outcome = first(fail)
        other = second(60, *words)
        assert other.stdout.readline() == "in touch\n"
        failing.set()
        thread.join(30)
        assert isinstance(outcome[0], ValueError), "it stays what it is"
        return other, machines._left_open[-1].close

    return start


def test_the_main_thread_is_interrupted_where_it_computes(left):
    other, end = left()
    with pytest.raises(subprocess.TimeoutExpired):  # the first may tell why it ends
        other.wait(0.2)
    end()
    assert other.communicate(timeout=30)[0] == "process 0, on 127.0.0.1, was lost\n"


def test_strangers_are_sent_away(first, second, monkeypatch):
    monkeypatch.setattr(machines, "KEY_SECONDS", 0.5)
    thread, outcome = first(lambda: None)
    port = int(first.store[machines.PLACE].split()[0])
    for words in (b"", b"GET / HTTP/1.1\r\n\r\n" * 9):
        with socket.create_connection(("127.0.0.1", port)) as stranger:
            stranger.sendall(words)
    with socket.create_connection(("127.0.0.1", port)) as silent:
        silent.settimeout(30)
        assert silent.recv(1) == b"", "who says nothing is not waited for"
    assert second(0).communicate(timeout=30)[0] == "in touch\n"
    thread.join(30)
    assert outcome == ["done"]


def test_a_first_process_that_is_out_of_reach_is_told(first):
    with pytest.raises(InputError, match=r"port 1 of 127\.0\.0\.1, of the first process: .*; let the mach"):
        machines._to_first(1, type("Store", (), {"get": lambda self, key: b"1 00"})())


def test_one_machine_needs_no_lines(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.delenv("GLOO_SOCKET_IFNAME", raising=False)
    machines.choose_interface()
    with machines.in_touch(0, 2, None):
        pass
    assert "GLOO_SOCKET_IFNAME" not in os.environ


@pytest.mark.parametrize(
    ("seconds", "probes"), [(45, (15, 5, 6)), (4, (2, 1, 2)), (1, (1, 1, 1)), (600, (200, 66, 6))]
)
def test_silence_is_so_long(monkeypatch, seconds, probes):
    monkeypatch.setenv(machines.SILENCE, str(seconds))
    with socket.socket() as line:
        machines._probed(line)
        names = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
        found = tuple(line.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in names)
    assert found == probes


@pytest.mark.parametrize("text", ["soon", "", "0", "-1", "nan", "inf", "86401"])
def test_a_silence_that_is_none_is_told(monkeypatch, text):
    monkeypatch.setenv(machines.SILENCE, text)
    with (
        socket.socket() as line,
        pytest.raises(InputError, match=f"^{machines.SILENCE}: '{text}' are no seconds"),
    ):
        machines._probed(line)


def test_a_main_thread_that_nothing_reaches_is_ended(left):
    """As one that waits in CUDA's library: no signal, no connection."""
    other, end = left("deaf")
    end()
    assert other.communicate(timeout=30) == ("", "comedian: process 0, on 127.0.0.1, was lost\n")
    assert other.returncode == 1


@pytest.mark.skipif(not can_be_made(), reason="no right to make network namespaces, or no iproute2")
def test_the_interface_to_another_machine_is_found():
    code = "from comedian import machines; print(machines._interface_to('10.213.77.1'))"
    with two_hosts() as hosts:
        for name in hosts.names:
            words = ["ip", "netns", "exec", name, sys.executable, "-c", code]
            assert subprocess.check_output(words, cwd=ROOT, text=True) == "cable\n"
    assert machines._interface_to("127.0.0.1") == ""
