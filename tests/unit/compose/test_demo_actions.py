from __future__ import annotations

from compose.demo.actions import ACTIONS
from compose.demo.schedule import plan
from compose.simulator import plan as simulated
from compose.simulator.seed import seed


def test_a_run_of_a_minute_has_every_kind_of_action_and_there_is_no_other() -> None:
    quiet = tuple((window.start, window.end) for window in plan(60, 2).quiet)
    world = seed().world
    for _ in range(2):  # the second run goes on with the first one's data
        kinds = simulated.kinds_of(simulated.run(world, simulated.Settings(60, 50, 1, quiet)))
        assert kinds.keys() == ACTIONS
