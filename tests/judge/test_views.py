"""The names of views, for files and for people."""

from robust_digits.attack.table import ATTACKS
from robust_digits.judge import views


def test_a_transferred_set_has_the_name_of_its_attack() -> None:
    """In files and for people, with the eps where there is one."""
    assert views.transferred("fgm") == views.FGM_TRANSFER
    assert views.label(views.transferred("carlini_wagner")) == "Carlini-Wagner transfer"
    assert views.label(views.FGM_TRANSFER, 0.5) == "FGM transfer, eps 0.5"


def test_the_suite_is_what_attacks_the_very_model() -> None:
    """Every attack of the table counts, `transfer` within the suite's eps too, and no set that was crafted before."""
    assert all(views.of_suite(name) for name in ATTACKS)
    assert not any(views.of_suite(views.transferred(name)) for name in ATTACKS)
    assert not any(map(views.of_suite, (views.CLEAN, views.FGM_WHITE_BOX)))
