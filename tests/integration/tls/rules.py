"""The broker's rules for the service and for Kafka Connect: what connector-configs/README.md says is enough."""

from __future__ import annotations

from kafka.admin import ACL, ACLOperation, ACLPermissionType, ACLResourcePatternType, ResourcePattern, ResourceType

_TOPIC, _GROUP = ResourceType.TOPIC, ResourceType.GROUP
_TRANSACTION, _CLUSTER = ResourceType.TRANSACTIONAL_ID, ResourceType.CLUSTER
_RULES = {
    "cdc": [
        (_TOPIC, "cdc.", "READ", "DESCRIBE", "CREATE", "DESCRIBE_CONFIGS", "ALTER_CONFIGS"),
        (_TOPIC, "cdc-history.", "DESCRIBE", "CREATE", "DESCRIBE_CONFIGS", "ALTER_CONFIGS"),
        (_TOPIC, "cdc-signal.", "READ", "WRITE", "DESCRIBE", "CREATE", "DESCRIBE_CONFIGS", "ALTER_CONFIGS"),
        (_GROUP, "cdc-land", "READ", "DELETE"),
    ],
    "connect": [
        (_TOPIC, "connect-", "READ", "WRITE", "DESCRIBE", "CREATE", "DESCRIBE_CONFIGS"),
        (_TOPIC, "cdc.", "WRITE", "DESCRIBE"),
        (_TOPIC, "cdc-history.", "READ", "WRITE", "DESCRIBE"),
        (_TOPIC, "cdc-signal.", "READ", "WRITE", "DESCRIBE"),
        (_GROUP, "", "READ"),
        (_TRANSACTION, "", "WRITE", "DESCRIBE"),
    ],
}


def rules() -> list[ACL]:
    """Return all of them."""
    return [
        rule(user, kind, name, operation)
        for user, granted in _RULES.items()
        for kind, name, *operations in granted
        for operation in operations
    ]


def rule(user: str, kind: ResourceType, name: str, operation: str) -> ACL:
    """Return the rule that a user may do something with what begins with a name; an empty one: with everything."""
    pattern = ResourcePattern(kind, name, ACLResourcePatternType.PREFIXED) if name else ResourcePattern(kind, "*")
    return ACL(f"User:{user}", "*", ACLOperation[operation], ACLPermissionType.ALLOW, pattern)
