"""Finds out which PostgreSQL server a URL means, from libpq itself.

Environment variables, service files and lists of hosts all affect where libpq connects. So libpq is given a last
option that it refuses after it has resolved all others, and before it connects. Later it connects with exactly the
resolved values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

import psycopg
from psycopg import conninfo, pq

from reconciler.domain.hosts import is_loopback
from reconciler.errors import UsageError
from reconciler.state.postgres.url import FORM, Url, parse

_PROBE = "target_session_attrs"
_NOT_PASSED_ON = frozenset({_PROBE, "service"})


@dataclass(frozen=True, slots=True)
class Server:
    """Where libpq connects. ``options`` has the password if the environment has one.

    ``schema`` is the one in the URL; if None, the lineage decides.
    """

    options: Mapping[str, str] = field(repr=False)
    schema: str | None = None

    def __str__(self) -> str:
        """A URL without user and password."""
        names = (self.options.get("host") or self.options.get("hostaddr") or "").split(",")
        ports = self.options.get("port", "").split(",")
        database = quote(self.options.get("dbname", ""))
        if names[0][:1] in {"", "/", "@"}:
            return f"postgresql:///{database}" + (f"?host={','.join(names)}" if names[0] else "")
        ports += [ports[-1]] * (len(names) - len(ports))
        hosts = [f"[{name}]" if ":" in name else name for name in names]
        targets = [f"{host}:{port}" if port else host for host, port in zip(hosts, ports, strict=False)]
        return f"postgresql://{','.join(targets)}/{database}"

    @property
    def hosts(self) -> list[str]:
        """Each host that libpq may connect to: its address if given, else its name; empty for the default
        socket."""
        names, addresses = (self.options.get(name, "").split(",") for name in ("host", "hostaddr"))
        if len(addresses) > len(names):
            return addresses
        addresses += [""] * (len(names) - len(addresses))
        return [address or name for name, address in zip(names, addresses, strict=True)]


def resolve(text: str) -> Server:
    """Resolve a URL with libpq. A server on another machine must prove its identity with a certificate.

    Raises:
        UsageError: it is malformed, refers to something that does not exist, or would not verify the server.
    """
    url = parse(text)
    try:
        probe = pq.PGconn.connect(conninfo.make_conninfo(url.text, **{_PROBE: "-"}).encode())
        message = probe.error_message.decode(errors="replace")
        if _PROBE not in message:
            raise _malformed(url, message)
        return _secured(Server(_options(probe.info), url.schema))
    except psycopg.Error as error:
        raise _malformed(url, str(error)) from None
    except UnicodeError:
        raise UsageError("the state's URL, or an option that libpq adds to it, is not valid UTF-8") from None


def _malformed(url: Url, message: str) -> UsageError:
    """libpq's message quotes the URL, so it is repeated only if the URL has no password."""
    reason = "" if url.secret else f": {' '.join(message.split())}"
    return UsageError(f"the state's URL cannot be used{reason}", hint=FORM)


def _options(resolved: Sequence[pq.ConninfoOption]) -> dict[str, str]:
    options = ((item.keyword.decode(), item.val) for item in resolved)
    return {name: value.decode() for name, value in options if value is not None and name not in _NOT_PASSED_ON}


def _secured(server: Server) -> Server:
    remote = [host for host in server.hosts if not (host[:1] in {"", "/", "@"} or is_loopback(host))]
    if not remote:
        return server
    if server.options.get("sslmode") != "verify-full":
        raise UsageError(
            f"the state is on another machine ({remote[0]}), but sslmode is not verify-full",
            hint="add sslmode=verify-full to the URL, or set PGSSLMODE. sslrootcert=FILE names the certificate "
            "authority, sslrootcert=system accepts the public ones",
        )
    return Server({**server.options, "gssencmode": "disable"}, server.schema)
