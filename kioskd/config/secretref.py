"""Where a secret lies. Apart from the sections, because several of their modules name secrets."""

from __future__ import annotations

from dataclasses import dataclass

from kioskd.config.option import option


@dataclass(frozen=True, kw_only=True)
class SecretRef:
    """Where a secret lies; exactly one of the three. The secret itself never stands in the YAML."""

    credential: str | None = option("name of a systemd credential (LoadCredential=)", None, applies="session")
    env: str | None = option("name of an environment variable", None, applies="session")
    file: str | None = option("path of a file with mode 0600", None, applies="session")
