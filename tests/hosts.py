"""Two hosts on one machine: network namespaces with a cable between them."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path

ROOT = Path(__file__).parents[1]
ADDRESSES = ("10.213.77.1", "10.213.77.2")
FIRST_PORT = 29_577
OWN_FILES = Path("/etc/netns")
SILENCE_SECONDS = 4
Host = int  # 0, which torchrun calls master, or 1


@cache
def can_be_made() -> bool:
    """Whether this user may make namespaces, and has iproute2."""
    if not shutil.which("ip"):
        return False
    try:
        with two_hosts():
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@dataclass
class Hosts:
    """Starts torchrun on both hosts; every job is ended when its test is over."""

    names: tuple[str, str]
    ports: Iterator[int] = field(default_factory=lambda: count(FIRST_PORT))
    jobs: list[subprocess.Popen] = field(default_factory=list)

    def start(self, command: str, *words, folder: Path) -> list[subprocess.Popen]:
        """One process of a command on each host, begun by torchrun."""
        port = next(self.ports)
        return [self._start(host, port, command, words, folder) for host in (0, 1)]

    def _start(self, host: Host, port: int, command: str, words: tuple, folder: Path) -> subprocess.Popen:
        launch = f"--nnodes 2 --nproc-per-node 1 --node-rank {host} --master-addr {ADDRESSES[0]}"
        launch += f" --master-port {port} --monitor-interval 0.2 --no-python"
        line = ["ip", "netns", "exec", self.names[host], sys.executable, "-m", "torch.distributed.run"]
        line += [*launch.split(), sys.executable, ROOT / "bin" / command, *words]
        environment = os.environ | {
            "OMP_NUM_THREADS": "1",
            "COMEDIAN_SILENCE_SECONDS": str(SILENCE_SECONDS),
        }
        environment.pop("GLOO_SOCKET_IFNAME", None)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        job = subprocess.Popen(list(map(str, line)), env=environment, cwd=folder, **pipes)
        self.jobs.append(job)
        return job

    def kill(self, host: Host) -> None:
        """End all that runs on a host, without a word."""
        for process in self.processes(host):
            os.kill(process, signal.SIGKILL)

    def processes(self, host: Host) -> list[int]:
        """What runs on a host."""
        words = ["ip", "netns", "pids", self.names[host]]
        return [int(word) for word in subprocess.run(words, capture_output=True, text=True).stdout.split()]

    def unplug(self, host: Host) -> None:
        """Take a host's link down: from now on nothing comes from it, not even a reset."""
        _run(["ip", "-n", self.names[host], "link", "set", "cable", "down"])


@contextmanager
def two_hosts() -> Iterator[Hosts]:
    """Two namespaces with addresses of their own, for as long as a test needs them."""
    names = (f"comedian-{os.getpid()}-a", f"comedian-{os.getpid()}-b")
    hosts = Hosts(names)
    try:
        for name in names:
            _run(["ip", "netns", "add", name])
            _write_hosts(name)
        ends = ["peer", "name", "cable", "netns", names[1]]
        _run(["ip", "link", "add", "cable", "netns", names[0], "type", "veth", *ends])
        for name, address in zip(names, ADDRESSES, strict=True):
            _run(["ip", "-n", name, "addr", "add", f"{address}/24", "dev", "cable"])
            for link in ("lo", "cable"):
                _run(["ip", "-n", name, "link", "set", link, "up"])
        yield hosts
    finally:
        for host, name in enumerate(names):
            hosts.kill(host)
            _run(["ip", "netns", "del", name], check=False)
            shutil.rmtree(OWN_FILES / name, ignore_errors=True)
        for job in hosts.jobs:
            job.communicate(timeout=60)


def _write_hosts(name: str) -> None:
    """The namespace's own /etc/hosts, as `ip netns exec` finds it: else torch waits for a name server."""
    folder = OWN_FILES / name
    folder.mkdir(parents=True)
    lines = [f"127.0.0.1 localhost {socket.gethostname()}"]
    lines += [f"{address} host-{number}" for number, address in enumerate(ADDRESSES)]
    (folder / "hosts").write_text("\n".join([*lines, ""]))


def _run(words: list, check: bool = True) -> int:
    return subprocess.run(words, capture_output=True, check=check).returncode
