from __future__ import annotations

from pathlib import Path

from engines._support import landlock_shim, tiers
from engines._support.room import Room

ROOM = Room(read={"/input": Path("/data/in")}, write={"/output": Path("/data/out")}, start="/output")


def test_under_landlock_a_device_can_be_steered_by_whom_it_is_for_and_by_nobody_else():
    device = ("/dev/nvidia0", landlock_shim.READ | landlock_shim.WRITE_FILE | landlock_shim.IOCTL_DEVICE)

    assert device in tiers.rules(ROOM, sockets=False, devices=["/dev/nvidia0"])
    steered = {
        path for path, rights in tiers.rules(ROOM, sockets=False) if rights & landlock_shim.IOCTL_DEVICE
    }
    assert steered == {"/data/out"}
