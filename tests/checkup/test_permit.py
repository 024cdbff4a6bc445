"""Whether the machine may be switched off."""

from __future__ import annotations

from pathlib import Path

from kioskd.core.finding import Grade
from kioskd.checkup.permit import RULE, look

SHIPPED = Path(__file__).resolve().parents[2] / "packaging" / RULE


def there(program: str) -> str | None:
    return f"/usr/bin/{program}"


def test_the_rule_that_lets_it_is_looked_for(tmp_path: Path) -> None:
    (told,) = look(there, [str(tmp_path)], __file__)
    assert told.grade is Grade.WARN and RULE in told.advice
    (tmp_path / RULE).write_text(SHIPPED.read_text())
    (told,) = look(there, [str(tmp_path / "none"), str(tmp_path)], __file__)
    assert told.grade is Grade.OK


def test_a_machine_without_systemctl_says_what_that_means() -> None:
    (told,) = look(lambda program: None, [])
    assert told.grade is Grade.WARN and "battery runs empty" in told.sentence


def test_the_rule_that_comes_with_us_allows_kioskd_to_switch_off_and_nothing_else() -> None:
    text = SHIPPED.read_text()
    assert 'subject.user == "kioskd"' in text and text.count("polkit.Result.YES") == 1
    named = {line.strip().strip('",') for line in text.splitlines() if "org.freedesktop" in line}
    assert all(name.startswith("org.freedesktop.login1.power-off") for name in named) and len(named) == 3


def test_a_rule_without_polkit_lets_nobody_do_anything(tmp_path: Path) -> None:
    """The package brings the rule, and with it the folder, also where polkit was never installed."""
    (tmp_path / RULE).write_text(SHIPPED.read_text())
    (told,) = look(there, [str(tmp_path)], str(tmp_path / "none"))
    assert told.grade is Grade.WARN and "apt install polkitd" in told.advice
