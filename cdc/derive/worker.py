"""The derive worker: one thread per domain, each with a session, a lease and the same loop.

It derives by the dictionary that is in force (`cdc.derive.active`). When another one is put in force, the next turn of
every domain finds it out; the threads end, and others begin with the domains of that one.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

import psycopg
import structlog

from cdc.backoff import Backoff
from cdc.config import Settings
from cdc.crash import crash_point
from cdc.derive.active import active_digest, dictionary_in_force, put_first, read_dictionary
from cdc.derive.bind import bind, mirror_refs
from cdc.derive.ddl import plan_target
from cdc.derive.lease import HolderWatch, open_session, take_lease
from cdc.derive.mirror import read_mirrors
from cdc.derive.old_value import forget
from cdc.derive.plan import Plan
from cdc.derive.session import Connection, empty_tables
from cdc.derive.turn import OTHER_DICTIONARY, Derived, Version, run_turn
from cdc.errors import FatalError, TransientError
from cdc.observe.deriving import DerivingMetrics
from cdc.observe.monitor import Monitor
from cdc.store.connection import as_service_errors, classify, reconnect
from transforms.domain import Domain
from transforms.model import Dictionary

_log = structlog.get_logger()

# A stand-by looks for a free lease; what a take-over costs in freshness after a crash.
STAND_BY_S = 0.5
# How long whoever has the lease may let the target wait for it; a healthy one asks several times a second.
SILENT_S = 10.0
# Deleted rows in temporary tables, some 30 bytes each, that cost less than planning afresh.
LEFT_ROWS = 100_000
# How often an idle worker forgets old values: it writes, and the turn that is due at once behind it waits for that.
FORGET_S = 10.0


# How often a worker that has nothing to derive looks whether it has now.
LOOK_S = 5.0


def run(settings: Settings, stop: threading.Event, monitor: Monitor | None = None) -> None:
    """Derive all domains until `stop` is set. Raises FatalError when one of them cannot go on."""
    metrics = DerivingMetrics(monitor or Monitor("derive"), settings.target)
    while not stop.is_set():
        dictionary = _read_in_force(settings, stop, metrics)
        if dictionary is not None:
            metrics.turn_to(dictionary.domains())
            _derive(settings, dictionary, stop, metrics)


def _read_in_force(settings: Settings, stop: threading.Event, metrics: DerivingMetrics) -> Dictionary | None:
    """Return what to derive by, and put the dictionary of the files in force if none is; None if told to stop."""
    backoff = Backoff()
    while not stop.is_set():
        try:
            with as_service_errors(), reconnect(settings.target, "cdc derive") as connection:
                connection.autocommit = True
                while active_digest(connection) is None:
                    put_first(connection, settings, read_dictionary(settings))
                return dictionary_in_force(connection, settings)
        except TransientError as error:
            metrics.failed("", error)
            wait_s = backoff.fail()
            _log.warning("target_away", error=error, wait_s=round(wait_s, 1))
            stop.wait(wait_s)
    return None


def _derive(settings: Settings, dictionary: Dictionary, stop: threading.Event, metrics: DerivingMetrics) -> None:
    """Derive until told to stop, or until another dictionary is in force."""
    domains = dictionary.domains()
    if not domains:
        stop.wait(LOOK_S)
        return
    ended = threading.Event()
    with ThreadPoolExecutor(len(domains), thread_name_prefix="derive") as pool:
        workers = [_DomainWorker(settings, dictionary, domain, stop, ended, metrics) for domain in domains]
        work = [pool.submit(worker.run) for worker in workers]
        done, _ = wait(work, return_when=FIRST_EXCEPTION)
        ended.set()
        for future in done:
            future.result()


class _DomainWorker:
    """The loop of one domain. `ended` is set when another domain's loop has failed or found another dictionary."""

    def __init__(
        self,
        settings: Settings,
        dictionary: Dictionary,
        domain: Domain,
        stop: threading.Event,
        ended: threading.Event,
        metrics: DerivingMetrics,
    ) -> None:
        self.settings, self.dictionary, self.domain, self.stop, self.ended = settings, dictionary, domain, stop, ended
        self.metrics = metrics
        self.pulse = metrics.pulse(domain.name)
        self.log = _log.bind(domain=domain.name)
        self.version = Version.of(dictionary)
        self.backoff = Backoff()
        self.left = 0
        self.may_forget = True
        self.forget_at = 0.0  # of the monotonic clock

    def run(self) -> None:
        """Derive until told to stop; after a fault that passes, begin again with a new session."""
        try:
            self._run()
        finally:
            self.pulse.rest()

    def _run(self) -> None:
        while not self._stopped():
            try:
                with reconnect(self.settings.target, f"cdc derive {self.domain.name}") as connection:
                    self._work(connection)
            except TransientError as error:
                if error.code == OTHER_DICTIONARY:
                    self.log.info("dictionary_replaced", dictionary=self.version.digest)
                    self.ended.set()
                else:
                    self._back_off(error)
            except psycopg.Error as error:
                fault = classify(error)
                if not isinstance(fault, TransientError):
                    raise fault from error
                self._back_off(fault)

    def _work(self, connection: Connection) -> None:
        connection.autocommit = True
        if active_digest(connection) != self.version.digest:
            raise TransientError(OTHER_DICTIONARY, f"domain {self.domain.name}")
        plan = self._bind(connection)
        open_session(connection, plan)
        epoch = self._stand_by(connection, plan)
        self.left = 0
        while epoch is not None and not self._stopped():
            self.pulse.beat()
            derived = run_turn(
                *(connection, plan, self.version, epoch, self.pulse),
                held_limit=self.settings.derive.held_limit,
                protection=self.settings.protection,
            )
            self.backoff.succeed()
            self._tidy(connection, plan, derived)
            if derived is None:
                self._wait_for_landing(connection)
            else:
                self._report(derived)

    def _tidy(self, connection: Connection, plan: Plan, derived: Derived | None) -> None:
        """Forget old values, and give back what deleted rows leave behind: nobody vacuums temporary tables, and every
        turn reads over it.

        Statements are planned afresh afterwards, so it is done in an idle moment if there is one.
        """
        if derived is not None:
            self.may_forget = True
        elif self.may_forget and time.monotonic() >= self.forget_at:
            self.may_forget = forget(connection)
            self.forget_at = time.monotonic() + FORGET_S
        self.left += 0 if derived is None else derived.left
        if derived is not None and derived.large:
            self.left = 0  # a large turn has done it
        if self.left > (LEFT_ROWS if derived is None else 10 * LEFT_ROWS):
            connection.execute(empty_tables(plan).encode())
            self.left = 0

    def _bind(self, connection: Connection) -> Plan:
        """Bind the domain to the target's tables. Raises FatalError if `cdc target apply` has something to do."""
        mirrors = read_mirrors(connection, mirror_refs(self.domain))
        plan = bind(self.domain, self.dictionary.digest, mirrors)
        missing = [one for one in plan_target(connection, (self.domain,), mirrors) if one.is_needed]
        if missing:
            raise FatalError("DRV-107", f"domain {self.domain.name}: {len(missing)} statements are not applied")
        return plan

    def _stand_by(self, connection: Connection, plan: Plan) -> int | None:
        """Wait for the lease; None if told to stop before."""
        epoch = take_lease(connection, plan)
        if epoch is None:
            self.log.info("domain_stands_by")
            self.metrics.is_well(self.domain.name, "stands by")
        watch = HolderWatch(max(SILENT_S, 3 * self.settings.derive.idle_wait_ms / 1000))
        while epoch is None and not self._stopped():
            self.pulse.beat()
            self.stop.wait(STAND_BY_S)
            if active_digest(connection) != self.version.digest:
                raise TransientError(OTHER_DICTIONARY, f"domain {self.domain.name}")
            if watch.look(connection, plan):
                self.log.warning("silent_holder_ended", silent_s=watch.patience_s)
            epoch = take_lease(connection, plan)
        crash_point("D1")
        self.metrics.is_well(self.domain.name, "derives")
        self.log.info("domain_opened", epoch=epoch, dictionary=plan.digest)
        return epoch

    def _wait_for_landing(self, connection: Connection) -> None:
        for _ in connection.notifies(timeout=self.settings.derive.idle_wait_ms / 1000, stop_after=1):
            pass

    def _report(self, derived: Derived) -> None:
        self.metrics.derived(self.domain.name, derived.batches, derived.taken, derived.seconds)
        self.log.debug(
            "domain_derived",
            everything=derived.everything,
            batches=derived.batches,
            taken=derived.taken,
            round_trips=derived.round_trips,
            seconds=round(derived.seconds, 4),
        )

    def _back_off(self, error: TransientError) -> None:
        self.metrics.failed(self.domain.name, error)
        self.pulse.beat()
        wait = self.backoff.fail()
        self.log.warning("domain_waits", error=error, wait_s=round(wait, 1))
        self.stop.wait(wait)

    def _stopped(self) -> bool:
        return self.stop.is_set() or self.ended.is_set()
