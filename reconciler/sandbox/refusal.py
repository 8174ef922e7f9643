"""The error answers, as the API words them."""

from __future__ import annotations

from http import HTTPStatus

from reconciler.domain.model import JsonObject


class Refusal(Exception):  # noqa: N818 - an answer, not a failure of the sandbox
    """An error answer: an HTTP status, a message for the client, and extra headers."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}

    def body(self) -> JsonObject:
        """``{"statusCode", "message", "error"}``."""
        return {"statusCode": self.status, "message": self.message, "error": HTTPStatus(self.status).phrase}
