"""The section about figures for a fleet's eyes (``metrics``). Without it nothing is counted out and nothing listens."""

from __future__ import annotations

from dataclasses import dataclass

from kioskd.config.option import option


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """Figures in Prometheus' text format, as a file or over HTTP on this device."""

    file: str | None = option(
        "written for node_exporter's textfile collector: a path that ends in .prom, in a folder the unit may write",
        None,
    )
    every_s: float = option("the file is written this often; each time costs an fsync", 15.0, low=5, high=3600)
    listen: str | None = option("127.0.0.1:PORT or [::1]:PORT, for a scraper on this device or behind a tunnel", None)


def address(listen: str) -> tuple[str, int]:
    """Host and port of ``127.0.0.1:9109`` or ``[::1]:9109``.

    Raises:
        ValueError: it is no address of this device alone; the text says so.
    """
    from ipaddress import ip_address  # here: a kiosk that tells no figures does not pay for it

    host, _, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError("must be 127.0.0.1:PORT or [::1]:PORT")
    try:
        loopback = ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback:
        raise ValueError(f"{host} is not an address of this device alone: figures are told on loopback, to a tunnel")
    return host, int(port)
