"""Addresses: whether a base_url is a server of one's own, and how to name it in a sentence."""

import ipaddress
from urllib.parse import urlsplit

_OWN_SUFFIXES = (".local", ".localhost", ".internal", ".lan")


def is_loopback(base_url: str) -> bool:
    """Whether the address is this machine."""
    host = _host(base_url)
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and (address.is_loopback or address.is_unspecified)


def is_local(base_url: str) -> bool:
    """Whether the address is this machine or one on a private network: no key, no bill."""
    host = _host(base_url)
    if not host:
        return False
    bare_name = "." not in host and ":" not in host
    if bare_name or is_loopback(base_url) or host.endswith(_OWN_SUFFIXES):
        return True
    address = _address(host)
    return address is not None and (address.is_private or address.is_link_local)


def shown(base_url: str) -> str:
    """Scheme, host and port: what may be printed of an address that might hold a password."""
    parts = urlsplit(base_url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}"


def _host(base_url: str) -> str:
    return (urlsplit(base_url).hostname or "").casefold()


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
