"""The stack as a whole: which services there are, in which order they start and stop, one start at a time."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

from compose.local.connect import ConnectWorker
from compose.local.databases import mes_server, target_server
from compose.local.kafka import Broker
from compose.local.lock import locked
from compose.local.mariadb import MariaDbServer
from compose.local.service import AbandonedError, Service, bring_up

START_TIMEOUT_S = 120.0
_NEEDS = {"connect": "kafka"}


@dataclass(frozen=True, slots=True)
class Stack:
    """All services of one environment (as `environment()` returns it).

    `settings` are added to those of the source servers, by name of the service.
    """

    env: Mapping[str, str]
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def services(self) -> dict[str, Service]:
        """Return the services by name, those first that others need."""
        local, jars = Path(self.env["CDC_LOCAL"]), Path(self.env["CDC_JARS"])
        kafka, controller = int(self.env["CDC_PORT_KAFKA"]), int(self.env["CDC_PORT_CONTROLLER"])
        connect, erp = int(self.env["CDC_PORT_CONNECT"]), int(self.env["CDC_PORT_ERP"])
        services: tuple[Service, ...] = (
            Broker(local, jars, kafka, controller, self.env),
            ConnectWorker(local, jars, connect, self.env["CDC_KAFKA"], self.env),
            MariaDbServer(local, erp, self.env, self.settings.get("erp", {})),
            replace(mes_server(self.env), settings=self.settings.get("mes", {})),
            target_server(self.env),
        )
        return {service.name: service for service in services}

    def start(self, names: Sequence[str] = ()) -> None:
        """Bring up the named services (all by default), what they need included, side by side.

        On failure or Ctrl-C those that this call started are stopped again. Raises StackError.
        """
        services = self.services()
        wanted = {need for name in names or services for need in (name, _NEEDS.get(name)) if need}
        with self._alone():
            fresh = [name for name in wanted if services[name].daemon().running() is None]
            abandon = threading.Event()
            try:
                self._start_together([services[name] for name in services if name in wanted], abandon)
            except BaseException:
                abandon.set()
                self._stop_each(fresh)
                raise

    def stop(self, names: Sequence[str] = ()) -> None:
        """Stop the named services (all by default): Connect first, so that it lets go of the databases in order."""
        with self._alone():
            self._stop_each(names or list(self.services()))

    def status(self) -> dict[str, bool]:
        """Return for each service whether it runs and answers."""
        return {
            name: service.daemon().running() is not None and service.ready()
            for name, service in self.services().items()
        }

    def _start_together(self, services: Sequence[Service], abandon: threading.Event) -> None:
        with ThreadPoolExecutor(len(services)) as pool:
            futures: dict[str, Future[None]] = {}
            try:
                for service in services:
                    needed = futures.get(_NEEDS.get(service.name, ""))
                    futures[service.name] = pool.submit(_start_after, needed, service, abandon)
                done, _ = wait(futures.values(), return_when=FIRST_EXCEPTION)
            finally:
                if any(future.running() or future.cancelled() for future in futures.values()):
                    abandon.set()
        failures = [future.exception() for future in done]
        for failure in sorted(filter(None, failures), key=lambda error: isinstance(error, AbandonedError)):
            raise failure

    def _stop_each(self, names: Sequence[str]) -> None:
        daemons = {name: service.daemon() for name, service in self.services().items() if name in names}
        for name in _NEEDS:
            if name in daemons:
                daemons.pop(name).stop()
        if daemons:
            with ThreadPoolExecutor(len(daemons)) as pool:
                list(pool.map(lambda daemon: daemon.stop(), daemons.values()))

    def _alone(self) -> AbstractContextManager[None]:
        """Hold the stack's lock: two starts at once would take each other's processes for orphans."""
        return locked(Path(self.env["CDC_LOCAL"]) / "run" / "lock")


def _start_after(needed: Future[None] | None, service: Service, abandon: threading.Event) -> None:
    if needed is not None:
        try:
            needed.result()
        except Exception as error:
            raise AbandonedError from error
    bring_up(service, START_TIMEOUT_S, abandon)
