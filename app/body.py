"""The body of a request: strict JSON, and a sentence for everything else.

What msgspec lets pass is refused here as well: a name that stands twice in an object, where two
readers of the same request may take two different values.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
from litestar import Request
from litestar.dto import AbstractDTO
from litestar.exceptions import ClientException
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from app.schemas import REQUEST_FIELDS, JobRequest
from tasks.errors import InvalidRequest
from tasks.job import JobType, Priority

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

WRONG_TYPE = re.compile(r"Expected `(?P<wanted>[^`]+)`(?:, got `(?P<got>[^`]+)`)?")
MISSING = re.compile(r"Object missing required field `(?P<name>[^`]+)`")
UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.+)`", re.DOTALL)
PATH = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")

_decoder = msgspec.json.Decoder(JobRequest)


class MalformedBody(ClientException):
    """The body is not JSON."""


class UnsupportedBody(ClientException):
    """The body is of a media type that is not read here."""

    status_code = 415


class StrictJson(AbstractDTO[Any]):
    """Decodes the body of `POST /jobs` from its bytes, with the annotation as its schema."""

    @classmethod
    def create_for_field_definition(cls, *_: Any, **__: Any) -> None:
        """Nothing to prepare: the types are known."""

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: Any
    ) -> Reference | Schema:
        schema: Reference | Schema = schema_creator.for_field_definition(field_definition)
        return schema

    def decode_bytes(self, value: bytes) -> JobRequest:
        return decode_request(value)


async def require_json(request: Request[Any, Any, Any]) -> None:
    """Also what keeps the forms of other sites out: these can send no JSON."""
    _require_media_type(request, JSON)
    if not await request.body():
        raise MalformedBody(detail="The body is empty; send a JSON object with a `type`.")


async def require_form(request: Request[Any, Any, Any]) -> None:
    _require_media_type(request, FORM)


def decode_request(body: bytes) -> JobRequest:
    """Raises MalformedBody, or InvalidRequest with the place and what must stand there."""
    try:
        return _decode(body)
    except UnicodeDecodeError as error:
        raise MalformedBody(detail="The body is not UTF-8; encode it as UTF-8.") from error
    except RecursionError as error:
        raise MalformedBody(detail="The body is nested too deeply; send a flat object.") from error
    except msgspec.DecodeError as error:
        raise MalformedBody(detail=f"The body is not valid JSON: {_fault(error)}.") from error


def _decode(body: bytes) -> JobRequest:
    try:
        request: JobRequest = _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidRequest(_explain(str(error), body)) from error
    json.loads(body, object_pairs_hook=_refuse_twins)
    return request


def _require_media_type(request: Request[Any, Any, Any], wanted: str) -> None:
    given = request.content_type[0].lower()
    if given != wanted:
        raise UnsupportedBody(detail=f"Send the body with `Content-Type: {wanted}`.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedBody(detail="Send the body without a `Content-Encoding`.")


def _refuse_twins(pairs: list[tuple[str, Any]]) -> None:
    seen = set()
    for name, _ in pairs:
        if name in seen:
            raise InvalidRequest(f"{_quote(name)} stands twice; send it once.")
        seen.add(name)


def _fault(error: msgspec.DecodeError) -> str:
    text = str(error).removeprefix("JSON is malformed: ")
    return "it ends too early" if "truncated" in text else text


def _explain(message: str, body: bytes) -> str:
    """msgspec's message as a sentence that says what to change."""
    place = PATH.search(message)
    path = place["path"] if place else ""
    if path == "type":
        return f"type must be one of {', '.join(JobType)}."
    if path == "priority":
        return f"priority must be one of {', '.join(Priority)}."
    if missing := MISSING.match(message):
        return _missing(missing["name"])
    if unknown := UNKNOWN.match(message):
        return _unknown(unknown["name"], body)
    name = path or "The body"
    if wrong := WRONG_TYPE.match(message):
        got = f", and is {_article(wrong['got'])}" if wrong["got"] else ""
        return f"{name} must be {_article(wrong['wanted'])}{got}."
    return f"{name}: {PATH.sub('', message)}."


def _missing(name: str) -> str:
    known = f"; one of {', '.join(JobType)}" if name == "type" else ""
    return f"{name} is missing{known}."


def _unknown(name: str, body: bytes) -> str:
    """Reads on beyond the unknown field, and so may find that the rest is no JSON at all."""
    job_type = msgspec.json.decode(body, type=dict[str, Any]).get("type", "")
    known = ", ".join(REQUEST_FIELDS[job_type])
    return f"{_quote(name)} is not a field of {job_type}; these are: {known}."


def _article(word: str) -> str:
    words = {"int": "an integer", "str": "a string", "bool": "true or false", "null": "null"}
    return " or ".join(
        words.get(part, f"an {part}" if part[0] in "aeio" else f"a {part}")
        for part in word.split(" | ")
    )


def _quote(name: str) -> str:
    return f"`{name[:80]}`"
