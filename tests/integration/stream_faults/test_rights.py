"""What the broker's access rules keep from the service is said, not waited for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    KafkaAdminClient,
    ResourcePattern,
    ResourceType,
)

from tests.integration.service import Deployment
from tests.integration.stream_faults.source import Source
from tests.integration.stream_faults.worker import landing

# Of a broker without log-ins.
EVERYBODY = "User:ANONYMOUS"


@contextmanager
def denied(deployment: Deployment, kind: ResourceType, name: str) -> Iterator[None]:
    """Let nobody read a topic or use a group."""
    rule = (EVERYBODY, "*", ACLOperation.READ, ACLPermissionType.DENY, ResourcePattern(kind, name))
    with closing(KafkaAdminClient(bootstrap_servers=deployment.env["CDC_KAFKA"])) as admin:
        admin.create_acls([ACL(*rule)])
        try:
            yield
        finally:
            admin.delete_acls([ACLFilter(*rule)])


@pytest.mark.parametrize("kind", [ResourceType.TOPIC, ResourceType.GROUP], ids=["topic", "group"])
def test_a_worker_without_rights(deployment: Deployment, north: Source, kind: ResourceType) -> None:
    name = north.stream if kind == ResourceType.TOPIC else deployment.env["CDC_GROUP"]
    with denied(deployment, kind, name), landing(deployment) as worker:
        worker.must_fail("STR-111")


def test_rights_that_are_taken_from_a_worker(deployment: Deployment, north: Source, target: psycopg.Connection) -> None:
    north.send_commits(3)
    with landing(deployment) as worker:
        north.await_landed(target)
        with denied(deployment, ResourceType.TOPIC, north.stream):
            worker.must_fail("STR-111")
