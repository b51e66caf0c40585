"""A target with a running derive worker: parties of the ERP, as the packaged dictionary makes them."""

from __future__ import annotations

from pathlib import Path

from cdc.cli.target import apply_target
from cdc.config import Settings, load
from tests.contract.cdc.test_derive_worker import Sources


class Deployment:
    """A target with parties of the ERP, one of them from a country that the dictionary does not know."""

    def __init__(self, config: Path, dictionary: Path, dsn: str) -> None:
        self.settings: Settings = load(config)
        self.dictionary = dictionary
        apply_target(self.settings)
        self.sources = Sources(dsn)
        self.sources.close_snapshots()
        self.sources.land(1)
        self.land_of("英国", 2)

    def land_of(self, country: str, number: int) -> None:
        self.sources.commit(number, country)

    def rows(self, query: str) -> list[tuple]:
        return self.sources.connection.execute(query.encode(), prepare=False).fetchall()

    def parties(self) -> list[tuple]:
        return self.rows("SELECT party_id, country FROM trace.party ORDER BY 1")

    def know_country(self, word: str, code: str) -> None:
        """Edit one synonym."""
        file = self.dictionary / "codesets" / "country.yaml"
        more = f'synonyms:\n  - {{system: erp, code: "{word}", to: {code}}}\n'
        file.write_text(file.read_text().replace("synonyms:\n", more, 1))

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.dictionary / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))


def held(deployed: Deployment) -> list[tuple]:
    return deployed.rows("SELECT source_key[1], code FROM cdc.held ORDER BY 1")
