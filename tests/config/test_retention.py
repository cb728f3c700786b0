"""How long MLS things stay is what the settings say, and by default what the store says."""

from msgspec import structs

from router.config.mls import Mls
from router.store.values import DEFAULT_RETENTION, Retention
from router.wiring.tree import retention_of


def test_the_defaults_of_the_settings_are_those_of_the_store() -> None:
    assert retention_of(Mls()) == DEFAULT_RETENTION


def test_every_part_of_it_can_be_set() -> None:
    """A part that no setting reaches would be a promise to nobody."""
    chosen = Mls(
        welcome_lifetime=7_200,
        ended_retention=1,
        evidence_retention=2,
        report_retention=90_000,
        lapsed_claims="destroy",
    )
    kept = structs.asdict(retention_of(chosen))
    assert kept == structs.asdict(Retention(7_200, 1, 2, 90_000, "destroy"))
    assert not set(kept.values()) & set(structs.asdict(DEFAULT_RETENTION).values())
