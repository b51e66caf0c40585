"""One run of the demo, from an empty or stopped stack to the verdict."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

from compose.compare.compare import compare
from compose.compare.log import entries
from compose.demo import applications, process
from compose.demo.actions import ACTIONS
from compose.demo.approve import approve
from compose.demo.chaos import Chaos
from compose.demo.drain import TIMEOUT_S, drain
from compose.demo.evidence import verify
from compose.demo.fault import Surroundings
from compose.demo.freshness import read_freshness
from compose.demo.kill import Kill
from compose.demo.killer import Killer
from compose.demo.proxy import Proxy
from compose.demo.schedule import PlannedFault, Schedule, plan, plan_chaos
from compose.demo.screen import Screen
from compose.demo.service import Service
from compose.demo.state import State
from compose.demo.verdict import ChaosRecord, Outcome
from compose.demo.watch import Watch
from compose.local.daemon import Daemon, StackError
from compose.local.stack import Stack

_SNAPSHOT_TIMEOUT_S = 180.0
_SAMPLE_EVERY_S = 1.0
# What went wrong last may need a restart of a connector that says nothing, which is noticed after 20 s.
_CHAOS_TIMEOUT_S = 300.0
_STREAMS = 2


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    seconds: float
    rate: float
    seed: int
    kills: int
    fresh: bool
    keep: bool = False
    chaos: int | None = None


class Demo:
    """Runs the demo on one stack."""

    def __init__(self, env: Mapping[str, str], options: Options, screen: Screen) -> None:
        self._env = env
        self._options = options
        self._screen = screen
        self._state = State.of(env)
        if options.chaos is None:
            self._schedule = plan(options.seconds, options.kills)
        else:
            self._schedule = plan_chaos(options.seconds, options.chaos)
        self._kills: list[Kill] = []
        self._faults: list[PlannedFault] = []
        self._service = Service(env)

    def run(self) -> Outcome:
        """Run all of it. Raises StackError when something does not work at all."""
        if self._options.chaos is None:
            return self._run()
        self._screen.say(f"Chaos with seed {self._options.chaos}; the same seed and length make the same schedule:")
        self._screen.say(", ".join(f"{fault.at:.0f} s {fault.kind}" for fault in self._schedule.faults))
        with Proxy(int(self._env["CDC_TARGET_PORT"])) as proxy:
            through_proxy = {**self._env, "CDC_TARGET_PORT": str(proxy.port)}
            self._service = Service(through_proxy, has_stand_bys=True)
            outcome = self._run(proxy)
            self._service.stop()
        if self._options.keep:
            Service(self._env).start()
        return outcome

    def _run(self, proxy: Proxy | None = None) -> Outcome:
        began = time.monotonic()
        runs = self._bring_up()
        start_seconds = time.monotonic() - began
        with closing(Watch(self._env, self._service.parent, _STREAMS)) as watch:
            self._await_snapshot(watch)
            self._screen.say(
                f"Up in {start_seconds:.1f} s, first snapshot derived in {time.monotonic() - began:.1f} s."
            )
            self._state.write("running", runs)
            outcome = self._work_and_compare(watch, round(start_seconds, 1), proxy)
        self._state.write("clean" if outcome.comparison.clean else "different", runs + 1)
        return outcome

    def _bring_up(self) -> int:
        """Bring up stack, applications and service; return how many runs the present data has come through."""
        stack = Stack(self._env)
        process.stop_all(self._env)
        runs = 0 if self._options.fresh else self._state.runs()
        if not runs:
            if self._state.has_data:
                why = "as asked" if self._options.fresh else "the last run has left none to go on with"
                self._screen.say(f"Beginning with new data ({why}).")
            stack.stop()
            self._state.forget()  # also where somebody has removed the data, and nothing else
        if runs:
            self._screen.say(f"Going on with the data of {runs} run{'s' if runs > 1 else ''} before.")
        stack.start()
        if not runs:
            self._screen.say("Installing both applications' databases and running the DBA's scripts.")
            applications.install(self._env)
        self._screen.say("The author and the approver sign the dictionary.")
        approve(self._env)
        # Data of before may have been derived by another version of the dictionary.
        again = (("dictionary", "activate", "--yes"),) if runs else ()
        for command in (("target", "apply"), ("connectors", "apply"), *again):
            self._screen.say(f"cdc {' '.join(command)}")
            process.run_cdc(self._env, *command)
        self._screen.say("cdc run")
        self._service.start()
        return runs

    def _await_snapshot(self, watch: Watch) -> None:
        deadline = time.monotonic() + _SNAPSHOT_TIMEOUT_S
        sample = watch.take()
        while not sample.started:
            self._service.parent()
            if time.monotonic() > deadline:
                raise StackError(f"The first snapshot is not derived after {_SNAPSHOT_TIMEOUT_S:.0f} s.")
            time.sleep(0.2)
            sample = watch.take()

    def _work_and_compare(self, watch: Watch, start_seconds: float, proxy: Proxy | None) -> Outcome:
        before = self._transactions()
        clock = self._work(watch, proxy)
        after = self._transactions()
        self._screen.say("The simulator has stopped. Draining.")
        began = time.monotonic()
        watch.look()  # it may have to connect again
        timeout_s = TIMEOUT_S if proxy is None else _CHAOS_TIMEOUT_S
        drain(self._env, watch.target, self._is_alive, timeout_s)
        drained = round(time.monotonic() - began, 1)
        watch.take()
        process.background(self._env, process.PROBE).stop()
        self._screen.say(f"Drained in {drained} s. Comparing.")
        comparison = compare(self._env, self._state.log)
        self._screen.say(comparison.summary())
        self._screen.say(verify(self._env, self._state))
        actions = {kind: count - before.get(kind, 0) for kind, count in after.items() if count > before.get(kind, 0)}
        transactions = sum(actions.values())
        return Outcome(
            comparison=comparison,
            freshness=read_freshness(self._state.freshness, clock, self._schedule.quiet),
            actions=actions,
            missing_actions=sorted(ACTIONS - actions.keys()),
            kills=self._kills,
            planned_kills=len(self._schedule.kills),
            holds=len(watch.holds),
            releases=len(watch.releases),
            pss_by_minute_mib=watch.pss_by_minute_mib,
            seconds=self._options.seconds,
            start_seconds=start_seconds,
            drain_seconds=drained,
            transactions=transactions,
            rate=round(transactions / self._options.seconds, 1),
            chaos=self._chaos_record(),
        )

    def _is_alive(self) -> bool:
        return bool(self._service.parent())

    def _chaos_record(self) -> ChaosRecord | None:
        if self._options.chaos is None:
            return None
        done = [fault.kind for fault in self._faults]
        return ChaosRecord(self._options.chaos, len(self._schedule.faults), done, self._service.fenced)

    def _transactions(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        if self._state.log.exists():
            for entry in entries(self._state.log):
                counts[str(entry["action"])] = counts.get(str(entry["action"]), 0) + 1
        counts.pop("installed", None)  # the seeded data, not an action
        return counts

    def _work(self, watch: Watch, proxy: Proxy | None) -> float:
        """Let the simulator work while things go wrong; return the clock at which the run began."""
        self._state.log.touch()
        self._state.freshness.unlink(missing_ok=True)
        probe = applications.probe(self._env, self._state)
        probe.start()
        applications.await_probe(probe, self._state)
        simulator = applications.simulator(
            self._env, self._state, self._options.rate, self._options.seed, self._schedule
        )
        written = self._state.log.stat().st_size
        simulator.start()
        clock = applications.await_first_commit(simulator, self._state, written)
        began = time.monotonic() - (time.time() - clock)
        if proxy is None:
            with Killer(self._env, self._schedule.kills, self._service.parent, began) as killer, self._screen:
                self._show(watch, simulator, probe, began)
            self._kills = killer.kills()
            for kill in self._kills:
                self._screen.say(str(kill))
        else:
            with self._screen, Chaos(self._schedule.faults, self._around(proxy, began), self._screen.say) as chaos:
                self._show(watch, simulator, probe, began)
            self._faults = chaos.done()
        applications.require_success(simulator, self._state)
        return clock

    def _around(self, proxy: Proxy, began: float) -> Surroundings:
        return Surroundings(self._env, self._service.parent, proxy, began, threading.Event())

    def _show(self, watch: Watch, simulator: Daemon, probe: Daemon, began: float) -> None:
        while simulator.running() is not None:
            self._service.parent()
            if probe.running() is None:
                raise StackError(f"The probe has ended: {probe.last_log_line()} (log: {probe.log})")
            looked = time.monotonic()
            sample = watch.take() if self._options.chaos is None else watch.look()
            if sample is not None:
                self._screen.show(sample, _phase(self._schedule, looked - began))
            time.sleep(max(0.0, _SAMPLE_EVERY_S - (time.monotonic() - looked)))


def _phase(schedule: Schedule, elapsed: float) -> str:
    if any(elapsed in window for window in schedule.quiet):
        return "quiet"
    return "busy" if any(elapsed in window for window in schedule.busy) else ""
