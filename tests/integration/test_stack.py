from __future__ import annotations

from compose.local.daemon import StackError
from compose.local.env import environment, ports_from
from compose.local.stack import Stack


def test_every_service_of_the_stack_answers(stack: Stack) -> None:
    assert stack.status() == dict.fromkeys(("kafka", "connect", "erp", "mes", "target"), True)


def test_a_second_start_leaves_running_services_alone(stack: Stack) -> None:
    before = {name: service.daemon().running() for name, service in stack.services().items()}
    stack.start()
    assert {name: service.daemon().running() for name, service in stack.services().items()} == before


def test_a_port_in_use_is_one_clear_sentence(stack: Stack, tmp_path: object) -> None:
    taken = stack.env["CDC_PORT_MES"]
    other = Stack(environment({"CDC_LOCAL": str(tmp_path), **ports_from(28000), "CDC_PORT_TARGET": taken}))
    try:
        other.start(["target"])
    except StackError as error:
        message = str(error)
    else:
        other.stop(["target"])
        message = ""
    assert message.startswith(f"Port {taken} for target is in use")
    assert "set CDC_PORT_TARGET to a free port" in message
