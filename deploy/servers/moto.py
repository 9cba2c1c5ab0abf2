"""An S3 on loopback that looks at no signature: quick, and obliging. Swift's is the strict one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from . import starting


@dataclass(frozen=True)
class Moto:
    """Where it is; any keys will do."""

    port: int
    region: str = "us-east-1"
    access_key: str = "AKIAIOSFODNN7EXAMPLE"
    secret_key: str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # noqa: S105 - no secret

    @property
    def endpoint(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> Any:
        """Return a client of boto3's own making, to prepare buckets with and to look what is in them."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(s3={"addressing_style": "path"}, proxies={}),
        )


@contextmanager
def moto(folder: Path) -> Iterator[Moto]:
    """Run it on a free port of loopback until the block is left; it keeps large objects in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    served = Moto(starting.free_port())
    with starting.running(
        [starting.PYTHON / "python", "-m", "moto.server", "-H", "127.0.0.1", "-p", f"{served.port}"],
        log=folder / "moto.log",
        ready=partial(starting.listens, served.port),
        environment={"TMPDIR": f"{folder}", "S3_IGNORE_SUBDOMAIN_BUCKETNAME": "true"},
    ):
        yield served
