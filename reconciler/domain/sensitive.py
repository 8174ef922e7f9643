"""Decides which text may be shown in public. No other module does.

Text comes from people, the service and other programs. Any of it may contain a phone number, an e-mail address or
a name, also in the wrong field. A masked phone number keeps its last two digits, so that people who know the list
can distinguish rows. A hash of a number is never shown: trying all numbers of a country takes minutes.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache, lru_cache
from urllib.parse import quote, quote_plus

MASK = "***"
_DATE = r"(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_CLOCK = r"(?:[01]\d|2[0-4]):[0-5]\d(?::[0-5]\d(?:[.,]\d{1,9})?)?"
_OFFSET = r"(?:Z|[+-](?:[01]\d|2[0-3]):?[0-5]\d)"
_TIME = rf"(?:{_DATE}(?:[T ]{_CLOCK}(?: ?{_OFFSET})?)?|{_CLOCK}{_OFFSET}?)"
_UUID = r"(?:[A-Za-z]{1,20}[-_])?[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"
# A digest can contain long runs of digits by chance. One without any letter is treated as a number.
_DIGEST = r"(?:sha256:(?=[0-9]*[a-f])[0-9a-f]{12,64}|(?=[0-9]*[a-f])(?:[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32}))"
# Commits and hashes are abbreviated to 12 characters. Digits followed by letters may be a number and a word.
_ABBREVIATED = r"(?![0-9]{7,}[a-f]+(?!\w))(?=[0-9]*[a-f])[0-9a-f]{12}"
_COMPACT_DATE = r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_SEPARATOR = r"[\s().\-_/\u00a0\u2010-\u2015]"
_SEPARATED = rf"(?:{_SEPARATOR}{{0,2}}\d)"
# A number without a plus ends before a date: a key is often an invoice and a date (inv-1001-2026-06-15). It also
# ends before a digest or a UUID: a ledger entry is shown as its number and its hash.
_IDENTIFIER = rf"(?:(?:{_DATE}|{_COMPACT_DATE})(?!\d)|(?:{_UUID}|{_DIGEST}|{_ABBREVIATED})(?!\w))"
_ENDS = rf"(?![\s().\-_/]{{1,2}}{_IDENTIFIER})"
_PHONE = rf"(?:[+\uff0b]|%2[Bb])[\s(]{{0,2}}\d{_SEPARATED}{{6,}}|\d(?:\d|{_ENDS}{_SEPARATOR}{{1,2}}\d){{8,}}"
_ONLY_UUID = re.compile(_UUID)
_SHORTEST_PHONE = 8  # a plus and seven digits
_NOT_IN_EMAIL = r"\s@\uff20<>\"'(),;:/\\"
_EMAIL = rf"(?<!postgres://)(?<!postgresql://)[^{_NOT_IN_EMAIL}]+(?:@|\uff20|%40)[^{_NOT_IN_EMAIL}]*\.[^{_NOT_IN_EMAIL}]+"
_HARMLESS_IN_TEXT = (  # each starts with a cheap look at what all its forms start with
    rf"(?<![\w+])(?=[\w:-]{{12}})(?:{_UUID}|{_DIGEST}|{_ABBREVIATED})(?!\w)"
    rf"|(?=\d)(?<![\d+])(?:{_TIME}|{_COMPACT_DATE})(?!\d)"
)
_SHAPES = rf"(?P<harmless>{_HARMLESS_IN_TEXT})|(?P<email>(?<![^{_NOT_IN_EMAIL}]){_EMAIL})|(?P<phone>{_PHONE})"
_SHAPES_BUT_EMAIL = rf"(?P<harmless>{_HARMLESS_IN_TEXT})|(?P<phone>{_PHONE})"
_SUSPECT = re.compile(rf"@|\uff20|%40|\d{_SEPARATED}{{6}}")
_QUOTED = re.compile(r"""(?<!\w)'(?:[^'\\]|\\.)*'|(?<!\w)"(?:[^"\\]|\\.)*\"""")
_ZONE = (
    r"(?:UTC|GMT|(?:Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Etc|Europe|Indian|Pacific)"
    r"/[A-Z][A-Za-z_+-]{1,30}(?:/[A-Z][A-Za-z_-]{1,30})?)"
)
_NUMBER = r"[+-]?\d{1,6}(?:\.\d{1,6})?"
_CODE = r"(?=\D*\d)[A-Za-z0-9]+(?:[-_.:/][A-Za-z0-9]+)*"
_MASKED = r"[+]?\*{3}\d{0,2}"
_NO_WORD = r"[\W_]*"
_DATE_FORMAT = r"(?:YYYY|YY|M{2,4}|DD|HH|hh|mm|ss|A|[/ :.,-])+"  # as in date(row.due, "DD/MM/YYYY")
_HARMLESS = "|".join((_UUID, _DIGEST, _TIME, _ZONE, _NUMBER, _CODE, _MASKED, _NO_WORD, _DATE_FORMAT, "[A-Z]{2}"))
_SNAKE = re.compile(r"[a-z_]{4,30}")
_SHORTEST = 3  # shorter texts identify nobody, and occur in many words
_WORD = re.compile(r"[\w.:/-]*")
_STARTS_NUMBER = "+\uff0b%0123456789"
_FIRST_WORD = re.compile(r"[^\W_]+")
_WORDS_OF_NAME = re.compile(r"[^\W\d_]{4,}")
_MOST_DIGITS = 6  # in a code that is shown; more digits may be a phone number without its prefix
_LONGEST_CODE = 40
# The field names in the schemas of plan files and reconciler.yaml.
_FIELDS = """
G001 G002 G003 G004 G005 G006 G007 G008 G010 G011 G012 G013 G014 G015 G016 G020 G021 G022 G023 G024
additional_data agent agent_id agents as_of at blackout call_length called_timezone calling_hours calls columns
concurrency consent contact_id contacts cost_per_call count country defaults delay_minutes delimiter distinct
e164 email enabled encoding field file from from_number from_number_id full_name guards header hidden holidays
horizon id identity jurisdictions key limits lineage max_age max_cost max_new_calls max_share metadata min_gap
min_lead move moved numbers overridable path peak per_day per_minute per_number per_person per_plan per_run
per_week place_by place_within plan plan_max_age plans policy provider public_metadata rate repeat revision
rows rule schedule schedule_fields sha256 sheet sheet_bytes sheet_rows sheets show signed_plans skip state
suppression table tables timeout timezone to to_number until version webhook_hosts webhook_url where windows
"""
FIELD_NAMES = frozenset(_FIELDS.split())
_WORDS = FIELD_NAMES | {"true", "false", "null", "yes", "no", "on", "off", "warning", "error", "day"}


def is_harmless(text: str) -> bool:
    """Whether a value identifies nobody, in any field: a time, a format of dates, a zone, a short number, a UUID,
    a digest, a short code with a digit in it (``inv-1001``), or the name of a field."""
    if len(text) < _SHORTEST or all(part in _WORDS or _nearly_a_field(part) for part in text.split(".")):
        return True
    if _compiled(_HARMLESS).fullmatch(text) is None:
        return False
    is_code = re.fullmatch(rf"{_UUID}|{_DIGEST}|{_TIME}", text) is None
    return not is_code or (len(text) <= _LONGEST_CODE and sum(map(str.isdigit, text)) <= _MOST_DIGITS)


def may_name_person(key: str) -> bool:
    """Whether a key may contain a person's name: it has no digit, or it contains a word of at least four letters.
    Used where the called person is not known."""
    if len(key) < _SHORTEST or key in _WORDS:
        return False
    return not any(map(str.isdigit, key)) or bool(words_of_name(key))


@lru_cache(maxsize=4096)
def _nearly_a_field(name: str) -> bool:
    """Whether it is a misspelt field name."""
    return _SNAKE.fullmatch(name) is not None and bool(get_close_matches(name, FIELD_NAMES, n=1, cutoff=0.85))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """A long pattern, compiled when it is first needed: most commands need few of them."""
    return re.compile(pattern)


def mask_value(text: str) -> str:
    """``+***78`` for a phone number, ``***`` for anything else."""
    if len(text) < _SHORTEST_PHONE:
        return MASK
    return _phone(text) if _compiled(_PHONE).fullmatch(text.strip()) else MASK


def mask_text(text: str, private: Iterable[str] = ()) -> str:
    """``text`` with every phone number, every e-mail address and every part of ``private`` masked.

    A private part also matches in other case, with other spaces and punctuation, and escaped for JSON or a URL.
    """
    parts = parts_in(text, private) if private else ()
    for part in sorted(set(parts), key=len, reverse=True) if parts else ():
        text = _forms(part).sub(mask_value(part).replace("\\", r"\\"), text)
    if _ONLY_UUID.fullmatch(text) or not _SUSPECT.search(text):
        return text  # the most frequent cases
    may_be_email = "@" in text or "\uff20" in text or "%40" in text
    return _compiled(_SHAPES if may_be_email else _SHAPES_BUT_EMAIL).sub(_shown, text)


@lru_cache(maxsize=1024)
def mask_shared_text(text: str) -> str:
    """The same without private parts, for texts that many calls share: ids of agents and numbers, plans, files."""
    return mask_text(text)


def parts_in(text: str, private: Iterable[str]) -> tuple[str, ...]:
    """The parts of ``private`` that the text may contain: a fast check before their patterns are compiled. A part
    is left out if the text does not contain its first word or, for a number, its last digits."""
    parts = tuple(filter(None, private))
    if not parts or "\\" in text or "%" in text:
        return parts
    folded, digits = _fold(text), "".join(filter(str.isdigit, text))
    return tuple(part for part in parts if _may_hold(folded, digits, part))


def mask_message(message: str, private: Iterable[str] = ()) -> str:
    """The same for our own messages, which quote values as Python does: quoted values are masked too, unless they
    are harmless."""
    return mask_text(_QUOTED.sub(_mask_quoted, message), private)


def mask_name(name: str, private: Iterable[str] = ()) -> str:
    """The name of a value as it may be published. Only one word is shown, because it may be a person's name.

    ``name`` may be a path, such as ``additional_data.amount``. Every part of ``private`` is masked in it.
    """
    head, dot, rest = name.partition(".")
    if dot and head in FIELD_NAMES:
        return f"{head}.{mask_name(rest, private)}"
    return mask_text(name, private) if _WORD.fullmatch(name) else mask_value(name)


def mask_names(names: Iterable[str], private: Iterable[str]) -> list[str]:
    """The same for many names."""
    listed = list(names)
    held = parts_in("\n".join(listed), private) if private else ()
    return [mask_name(name, held) for name in listed] if held else list(map(_mask_plain_name, listed))


@lru_cache(maxsize=1024)
def _mask_plain_name(name: str) -> str:
    return mask_name(name)


def words_of_name(name: str) -> list[str]:
    """The words of a person's name that identify the person alone: no short words, and no field names."""
    return [word for word in _WORDS_OF_NAME.findall(name) if word.casefold() not in _WORDS]


def _mask_quoted(found: re.Match[str]) -> str:
    inner = found[0][1:-1]
    return found[0] if is_harmless(inner) else f"{found[0][0]}{mask_value(inner)}{found[0][0]}"


def _shown(found: re.Match[str]) -> str:
    if found.lastgroup == "harmless":
        return found[0]
    return MASK if found.lastgroup == "email" else _phone(found[0])


def _phone(text: str) -> str:
    end = text[-2:]
    return f"+{MASK}{end if end.isdigit() else ''.join(filter(str.isdigit, text))[-2:]}"


def _may_hold(folded: str, digits: str, part: str) -> bool:
    if part[0] in _STARTS_NUMBER and _compiled(_PHONE).fullmatch(part):
        return "".join(filter(str.isdigit, part))[-7:] in digits
    first = _FIRST_WORD.search(part)
    return first is None or _fold(first[0]) in folded


def _fold(text: str) -> str:
    """Fold case as the patterns do, which treat the dotted and the dotless i as equal, and leave out accents."""
    if text.isascii():
        return text.lower()
    return without_accents(text.replace("\u0130", "i").replace("\u0131", "i")).casefold()


def without_accents(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))


@lru_cache(maxsize=256)
def _forms(part: str) -> re.Pattern[str]:
    plain = without_accents(part)  # as ``slug`` writes it in a key
    quoted = {part, plain, *(json.dumps(part, ensure_ascii=narrow)[1:-1] for narrow in (True, False))}
    quoted |= {quote(part, errors="replace"), quote_plus(part, errors="replace")}
    forms = [re.escape(item) for item in sorted(quoted, key=len, reverse=True)]
    words = [re.findall(r"[^\W_]+", spelling) for spelling in dict.fromkeys((part, plain))]
    digits = "".join(filter(str.isdigit, part))
    if _compiled(_PHONE).fullmatch(part) and digits.isascii():
        # Match the last digits: numbers are written with and without their country code.
        forms.append(r"(?:(?:\+|%2B)?(?:\d[\s().-]{0,2}){1,8})?" + r"[\s().-]{0,2}".join(digits[-7:]) + r"(?!\d)")
    else:
        forms += [r"[\W_]{0,3}".join(map(re.escape, listed)) for listed in words if len(listed) > 1]
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(forms)})(?![^\W_])", re.IGNORECASE)
