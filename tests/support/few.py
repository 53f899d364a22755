"""Settings of every attack of the table, small enough for a test."""

from robust_digits.attack.table import ATTACKS

_SMALL = {"draws": 2, "steps": 4, "restarts": 2, "targets": 2, "queries": 20, "samples": 6}

FEW = {
    name: attack.settings(**{setting: _SMALL[setting] for setting in attack.settings.model_fields})
    for name, attack in ATTACKS.items()
}
