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

from cdc.access import Kafka
from cdc.errors import FatalError
from cdc.stream.topic import apply_topics, stream_plan
from tests.integration.service import Deployment
from tests.integration.stream_faults.source import Source
from tests.integration.stream_faults.worker import landing

# Of a broker without log-ins.
EVERYBODY = "User:ANONYMOUS"


@contextmanager
def denied(
    deployment: Deployment, kind: ResourceType, name: str, operation: ACLOperation = ACLOperation.READ
) -> Iterator[None]:
    """Let nobody read a topic or use a group, or do something else with it."""
    # A broker that has a rule for something refuses what no rule allows.
    allowed = (EVERYBODY, "*", ACLOperation.ALL, ACLPermissionType.ALLOW, ResourcePattern(kind, name))
    refused = (EVERYBODY, "*", operation, ACLPermissionType.DENY, ResourcePattern(kind, name))
    with closing(KafkaAdminClient(bootstrap_servers=deployment.env["CDC_KAFKA"])) as admin:
        admin.create_acls([ACL(*allowed), ACL(*refused)])
        try:
            yield
        finally:
            admin.delete_acls([ACLFilter(*allowed), ACLFilter(*refused)])


@pytest.mark.parametrize("kind", [ResourceType.TOPIC, ResourceType.GROUP], ids=["topic", "group"])
def test_a_worker_without_rights(deployment: Deployment, north: Source, kind: ResourceType) -> None:
    name = north.stream if kind == ResourceType.TOPIC else deployment.env["CDC_GROUP"]
    with denied(deployment, kind, name), landing(deployment) as worker:
        worker.must_fail("STR-111")


def test_a_worker_that_may_not_see_whether_its_topic_is_compacted(deployment: Deployment, north: Source) -> None:
    rule = (ResourceType.TOPIC, north.stream, ACLOperation.DESCRIBE_CONFIGS)
    with denied(deployment, *rule), landing(deployment) as worker:
        worker.must_fail("STR-110")


def test_settings_of_a_topic_that_may_not_be_changed(deployment: Deployment, north: Source) -> None:
    """It is not said that they were."""
    rule = (ResourceType.TOPIC, north.stream, ACLOperation.ALTER_CONFIGS)
    with denied(deployment, *rule), pytest.raises(FatalError, match="STR-110"):
        apply_topics(Kafka(deployment.env["CDC_KAFKA"]), [stream_plan(north.stream, 4711)])


def test_rights_that_are_taken_from_a_worker(deployment: Deployment, north: Source, target: psycopg.Connection) -> None:
    north.send_commits(3)
    with landing(deployment) as worker:
        north.await_landed(target)
        with denied(deployment, ResourceType.TOPIC, north.stream):
            worker.must_fail("STR-111")
