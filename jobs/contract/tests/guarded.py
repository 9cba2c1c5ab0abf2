"""Turns the guard on and tries to connect in every way; prints what came of each. Run by test_outbound."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import socket
import sys
import threading
import urllib.request
from pathlib import Path

sys.path.insert(0, f"{Path(__file__).parents[3]}")

import boto3
import botocore.config
import httpx
import paramiko
import requests
import urllib3

from jobs.contract import outbound

PORT, SOCKET = int(sys.argv[1]), sys.argv[2]
HERE = ("127.0.0.1", PORT)
URL = f"http://127.0.0.1:{PORT}/"


def tcp():
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM)


def udp():
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def connect():
    with tcp() as client:
        client.settimeout(5)
        client.connect(HERE)


def in_a_thread_of_a_thread():
    caught = []

    def run():
        try:
            connect()
        except Exception as error:  # noqa: BLE001 - whatever a library raises
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if caught:
        raise caught[0]


async def loop_connect():
    with tcp() as client:
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, HERE)


async def async_get():
    async with httpx.AsyncClient(trust_env=False) as client:
        await client.get(URL)


def s3():
    config = botocore.config.Config(retries={"mode": "standard", "max_attempts": 2})
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "r"}
    boto3.client("s3", endpoint_url=URL, config=config, **keys).list_buckets()


WAYS = {
    "connect": connect,
    "connect_ex": lambda: tcp().connect_ex(HERE),
    "by name": lambda: tcp().connect(("localhost", PORT)),
    "mapped": lambda: socket.socket(socket.AF_INET6).connect(("::ffff:127.0.0.1", PORT)),
    "create_connection": lambda: socket.create_connection(("localhost", PORT)),
    "sendto": lambda: udp().sendto(b"x", HERE),
    "sendmsg": lambda: udp().sendmsg([b"x"], [], 0, HERE),
    "unix": lambda: socket.socket(socket.AF_UNIX).connect(SOCKET),
    "thread": in_a_thread_of_a_thread,
    "http.client": lambda: http.client.HTTPConnection("localhost", PORT).request("GET", "/"),
    "urllib": lambda: urllib.request.build_opener(urllib.request.ProxyHandler({})).open(URL),
    "urllib3": lambda: urllib3.PoolManager(retries=3).request("GET", URL),
    "requests": lambda: requests.get(URL, timeout=5),
    "httpx": lambda: httpx.get(URL, trust_env=False),
    "asyncio": lambda: asyncio.run(asyncio.open_connection("127.0.0.1", PORT)),
    "asyncio sockets": lambda: asyncio.run(loop_connect()),
    "boto3": s3,
    "paramiko": lambda: paramiko.SSHClient().connect("127.0.0.1", PORT, timeout=5),
}


def attempt(way):
    try:
        way()
    except Exception as error:  # noqa: BLE001 - whatever a library raises
        refusal = outbound.refusal_of(error)
        return type(refusal or error).__name__
    return "reached"


def trusted():
    with outbound.trusted():
        connect()


def strangers(outcome):
    outcome["trusted"] = attempt(trusted)
    outcome.update({name: attempt(way) for name, way in WAYS.items()})


logging.disable()
found: dict[str, str] = {}
outbound.guard()
outbound.guard()
slot = threading.Thread(target=strangers, args=(found,))
slot.start()
slot.join()
found["first thread"] = attempt(connect)
print(json.dumps(found))  # noqa: T201
