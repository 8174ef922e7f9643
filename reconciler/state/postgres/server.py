"""Which PostgreSQL server a state is on: a URL is judged by what libpq itself makes of it.

Environment variables, service files and lists of hosts all say where libpq goes. So libpq is asked, with a last
option that it refuses after it has worked out all others and before it goes anywhere; and it then connects by
exactly those values.
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
    """Where libpq connects. ``options`` hold the password where the environment gave one.

    ``schema`` is the one that the URL names, None where it is found by the lineage.
    """

    options: Mapping[str, str] = field(repr=False)
    schema: str | None = None

    def __str__(self) -> str:
        """As a URL that says where, and never how one gets in."""
        names = (self.options.get("host") or self.options.get("hostaddr") or "").split(",")
        ports = self.options.get("port", "").split(",")
        database = quote(self.options.get("dbname", ""))
        if names[0][:1] in {"", "/", "@"}:
            return f"postgresql:///{database}" + (f"?host={','.join(names)}" if names[0] else "")
        ports += [ports[-1]] * (len(names) - len(ports))
        hosts = [f"[{name}]" if ":" in name else name for name in names]
        told = [f"{host}:{port}" if port else host for host, port in zip(hosts, ports, strict=False)]
        return f"postgresql://{','.join(told)}/{database}"

    @property
    def hosts(self) -> list[str]:
        """Each host that libpq may connect to, by what it connects to; empty for the default socket."""
        names, addresses = (self.options.get(name, "").split(",") for name in ("host", "hostaddr"))
        if len(addresses) > len(names):
            return addresses
        addresses += [""] * (len(names) - len(addresses))
        return [address or name for name, address in zip(names, addresses, strict=True)]


def resolve(text: str) -> Server:
    """What libpq makes of a URL, here and now, and off this machine only with the server's certificate checked.

    Raises:
        UsageError: it is malformed, names what is not there, or would trust a server that it does not know.
    """
    url = parse(text)
    try:
        asked = pq.PGconn.connect(conninfo.make_conninfo(url.text, **{_PROBE: "-"}).encode())
        said = asked.error_message.decode(errors="replace")
        if _PROBE not in said:
            raise _malformed(url, said)
        return _secured(Server(_options(asked.info), url.schema))
    except psycopg.Error as error:
        raise _malformed(url, str(error)) from None
    except UnicodeError:
        raise UsageError("the state's URL, or what libpq adds to it, holds bytes that are no UTF-8") from None


def _malformed(url: Url, said: str) -> UsageError:
    """What libpq says quotes the URL: it is repeated only where no password can be in it."""
    told = "" if url.secret else f": {' '.join(said.split())}"
    return UsageError(f"the state's URL cannot be used{told}", hint=FORM)


def _options(found: Sequence[pq.ConninfoOption]) -> dict[str, str]:
    listed = ((item.keyword.decode(), item.val) for item in found)
    return {name: value.decode() for name, value in listed if value is not None and name not in _NOT_PASSED_ON}


def _secured(server: Server) -> Server:
    away = [host for host in server.hosts if not (host[:1] in {"", "/", "@"} or is_loopback(host))]
    if not away:
        return server
    if server.options.get("sslmode") != "verify-full":
        raise UsageError(
            f"the state is on {away[0]}, which is not this machine, and sslmode is not verify-full",
            hint="add sslmode=verify-full to the URL, or set PGSSLMODE; sslrootcert=FILE names the authority that "
            "signed its certificate, sslrootcert=system takes the public ones",
        )
    return Server({**server.options, "gssencmode": "disable"}, server.schema)
