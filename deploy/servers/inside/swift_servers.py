"""Runs the Swift servers whose configurations are in a folder, as children; run by the servers' own Python.

Swift is read once and the children part from that, which saves most of the time they take to start. They are
killed when this process ends, and this process ends when one of them does.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

import swift.account.server
import swift.common.middleware.s3api.s3api
import swift.container.server
import swift.obj.server
import swift.proxy.server  # noqa: F401
from swift.common import constraints, storage_policy, utils
from swift.common.ring import RingBuilder
from swift.common.wsgi import run_wsgi

PR_SET_PDEATHSIG = 1


def write_rings(folder: Path, ports: dict[str, int]) -> None:
    """Write the rings of one disk on this machine, for each kind of storage server."""
    for kind, port in ports.items():
        builder = RingBuilder(2, 1, 1)
        builder.add_dev(
            {
                "region": 1,
                "zone": 1,
                "ip": "127.0.0.1",
                "port": port,
                "device": "disk",
                "weight": 1,
                "meta": "",
            }
            | {"replication_ip": "127.0.0.1", "replication_port": port}
        )
        builder.rebalance()
        builder.get_ring().save(f"{folder / kind}.ring.gz")


def serve(configuration: Path, parent: int) -> None:
    """Be the server of a configuration such as ``object-server.conf`` or ``proxy-server-2.conf``."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return
    # What was read before anybody knew the folder.
    utils.set_swift_dir(f"{configuration.parent}")
    constraints.reload_constraints()
    storage_policy.reload_storage_policies()
    section = "-".join(configuration.stem.split("-")[:2])
    run_wsgi(f"{configuration}", section, verbose=True)


def main() -> None:
    """Serve until killed, or until one of the servers ends."""
    folder, ports = Path(sys.argv[1]), sys.argv[2:]
    write_rings(folder, {kind: int(port) for kind, port in (pair.split("=") for pair in ports)})
    parent = os.getpid()
    for configuration in sorted(folder.glob("**/*-server*.conf")):
        if os.fork() == 0:
            serve(configuration, parent)
            os._exit(1)
    os.wait()
    sys.exit("One of Swift's servers has ended.")


if __name__ == "__main__":
    main()
