"""Guess the role of a column from its header, in English, Spanish and Portuguese."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import lru_cache


class Role(StrEnum):
    """The purpose of a column."""

    KEY = "key"
    CONTACT = "contact"
    PHONE = "phone"
    NAME = "name"
    FIRST_NAME = "first name"
    LAST_NAME = "last name"
    CALL_DATE = "date of the call"
    DATE = "date"
    REASON_DATE = "date that the call is about"
    CLOCK = "time of day"
    ZONE = "timezone"


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(phrase.strip() for phrase in text.split(","))


# Words in headers, without accents. A phrase of several words must match as a whole.
_WORDS: dict[Role, tuple[str, ...]] = {
    Role.KEY: _phrases(
        "key, clave, chave, id, folio, invoice, factura, fatura, nota fiscal, order, orden, pedido, "
        "case, caso, expediente, ticket, contrato, contract, lease, reference, referencia, ref, code, "
        "codigo, matricula, account, cuenta, conta, poliza, policy, apolice, credito, recibo, receipt, "
        "boleto"
    ),
    Role.CONTACT: _phrases("contact, contacto, contato"),
    Role.PHONE: _phrases(
        "phone, telephone, tel, telefono, telefone, fone, cell, cel, celular, mobile, movil, telemovel, whatsapp"
    ),
    Role.NAME: _phrases(
        "full name, name, nombre completo, nombre, nome completo, nome, cliente, client, customer, "
        "paciente, patient, titular, deudor, devedor, tenant, inquilino, arrendatario, locatario, "
        "alumno, aluno, student, responsavel, tutor, guardian, contact, contacto, contato"
    ),
    Role.FIRST_NAME: _phrases("first name, given name, primer nombre, nombre, nombres, nome, primeiro nome"),
    Role.LAST_NAME: _phrases("last name, surname, family name, apellido, apellidos, sobrenome"),
    Role.CALL_DATE: _phrases("call, llamada, llamar, chamada, ligar, ligacao, schedule, scheduled, programada"),
    Role.DATE: _phrases("date, fecha, data, day, dia, when, cuando, quando, datetime"),
    Role.REASON_DATE: _phrases(
        "due, vence, vencimiento, vencimento, deadline, limite, expiry, expires, caducidad, cita, "
        "appointment, visit, visita, booking, reserva, turno, consulta, agendamento, renewal, "
        "renovacion, renovacao, entrega, delivery"
    ),
    Role.CLOCK: _phrases("time, hora, hour, horario"),
    Role.ZONE: _phrases("timezone, time zone, zona horaria, fuso horario, zona, fuso, tz"),
}
# Dates that do not concern the call.
_OTHER_DATES = _phrases(
    "birth, birthday, nacimiento, nascimento, cumpleanos, created, creacion, criacao, alta, issue, "
    "issued, emision, emissao, paid, payment, pago, pagamento, updated, registro, signup"
)
_ENGLISH_DATES = _phrases("date, day, when, datetime, call, schedule, scheduled, due, appointment")
_TOTAL = re.compile(
    r" (?:(?:gran|grand|sub) )?(?:sub)?total(?:es|is|s)?(?: (?:general|geral|due))? | (?:suma|soma|sum) "
)


@lru_cache(maxsize=65536)
def words(header: str) -> str:
    """``Fecha_de-Vencimiento`` and ``fechaDeVencimiento`` as `` fecha de vencimiento ``, spaced at both ends."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", header)
    plain = unicodedata.normalize("NFKD", apart).encode("ascii", "ignore").decode().casefold()
    return f" {' '.join(re.findall(r'[a-z0-9]+', plain))} "


def fit(header: str, role: Role) -> int:
    """How well a header matches a role: 0 not at all, 2 exactly, 1 in part."""
    text = words(header)
    found = any(f" {word} " in text for word in _WORDS[role])
    return 0 if not found else 2 if text.strip() in _WORDS[role] else 1


def is_other_date(header: str) -> bool:
    """Whether it is another date, such as a birthday or a payment date: never a time to call."""
    return any(f" {word} " in words(header) for word in _OTHER_DATES)


def day_comes_first(header: str) -> bool:
    """Whether the language of the header writes the day before the month, as Spanish and Portuguese do."""
    return not any(f" {word} " in words(header) for word in _ENGLISH_DATES)


def is_total(cell: str) -> bool:
    """Whether a cell is the label of a row of totals: ``TOTAL``, ``Subtotal:``, ``Total geral``."""
    return len(cell) < 30 and _TOTAL.fullmatch(words(cell)) is not None
