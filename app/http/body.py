"""The body of a request: strict JSON, and a sentence for everything else.

msgspec accepts an object in which a name appears twice, and two readers of such a request may take
two different values. It is refused here.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, TypeVar

import msgspec
from litestar import Request
from litestar.dto import AbstractDTO
from litestar.exceptions import ClientException, InternalServerException
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from tasks.errors import InvalidRequest

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

WRONG_TYPE = re.compile(
    r"Expected `(?P<expected>[^`]+)`(?: (?P<bound>[<>]=? \S+))?(?:, got `(?P<got>[^`]+)`)?"
)
MISSING_FIELD = re.compile(r"Object missing required field `(?P<name>[^`]+)`")
UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(?P<name>.+)`", re.DOTALL)
PATH = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")

T = TypeVar("T")


class MalformedBody(ClientException):
    """The body is not JSON."""


class UnsupportedBody(ClientException):
    """The body has a media type that this operation does not accept."""

    status_code = 415


class IncompleteBody(ClientException):
    """The connection ended before the body did."""

    status_code = 408


class BodyRequest(Request[Any, Any, Any]):
    """A request whose body may not arrive. Litestar takes that for an error of the server, which
    would be logged with its traceback for every client that goes away."""

    async def stream(self) -> AsyncGenerator[bytes, None]:
        try:
            async for chunk in super().stream():
                yield chunk
        except InternalServerException as error:
            raise IncompleteBody from error


class StrictJson(AbstractDTO[Any]):
    """Decodes a body from its bytes, with the annotation as its schema; see `decode_bytes`."""

    @classmethod
    def create_for_field_definition(cls, *_: Any, **__: Any) -> None:
        """Nothing to prepare: the types are known."""

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: Any
    ) -> Reference | Schema:
        schema: Reference | Schema = schema_creator.for_field_definition(field_definition)
        return schema


async def require_json(request: Request[Any, Any, Any]) -> None:
    """A hook before the handler. It also refuses forms of other sites: they cannot send JSON."""
    _require_media_type(request, JSON)
    if not await request.body():
        raise MalformedBody(detail="The body is empty; send a JSON object as described in /docs.")


async def require_form(request: Request[Any, Any, Any]) -> None:
    _require_media_type(request, FORM)


def decode_strictly(
    body: bytes, decoder: msgspec.json.Decoder[T], sentence: Callable[[str, bytes], str]
) -> T:
    """Decodes the body; `sentence` explains msgspec's message on it.

    Raises MalformedBody, or InvalidRequest with that sentence.
    """
    try:
        return _decode(body, decoder, sentence)
    except UnicodeDecodeError as error:
        raise MalformedBody(detail="The body is not UTF-8; encode it as UTF-8.") from error
    except RecursionError as error:
        raise MalformedBody(detail="The body is nested too deeply; send a flat object.") from error
    except msgspec.DecodeError as error:
        raise MalformedBody(detail=f"The body is not valid JSON: {_fault(error)}.") from error


def path_in(message: str) -> str:
    """The path in msgspec's message, without its `$`; empty for the body itself."""
    match_ = PATH.search(message)
    return match_["path"] if match_ else ""


def explain(message: str, owner: str, fields: Sequence[str]) -> str:
    """msgspec's message as a sentence that says what to change."""
    if missing := MISSING_FIELD.match(message):
        return f"{missing['name']} is missing."
    if unknown := UNKNOWN_FIELD.match(message):
        known = ", ".join(fields)
        return f"{_quote(unknown['name'])} is not a field of {owner}; these are: {known}."
    name = path_in(message) or "The body"
    if wrong := WRONG_TYPE.match(message):
        got = f", and is {_article(wrong['got'])}" if wrong["got"] else ""
        bound = f" {wrong['bound']}" if wrong["bound"] else ""
        return f"{name} must be {_article(wrong['expected'])}{bound}{got}."
    return f"{name}: {PATH.sub('', message)}."


def _decode(
    body: bytes, decoder: msgspec.json.Decoder[T], sentence: Callable[[str, bytes], str]
) -> T:
    try:
        request = decoder.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidRequest(sentence(str(error), body)) from error
    json.loads(body, object_pairs_hook=_refuse_duplicate_names)
    return request


def _require_media_type(request: Request[Any, Any, Any], media_type: str) -> None:
    given = request.content_type[0].lower()
    if given != media_type:
        raise UnsupportedBody(detail=f"Send the body with `Content-Type: {media_type}`.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedBody(detail="Send the body without a `Content-Encoding`.")


def _refuse_duplicate_names(pairs: list[tuple[str, Any]]) -> None:
    seen = set()
    for name, _ in pairs:
        if name in seen:
            raise InvalidRequest(f"{_quote(name)} appears twice; send it once.")
        seen.add(name)


def _fault(error: msgspec.DecodeError) -> str:
    text = str(error).removeprefix("JSON is malformed: ")
    return "it ends too early" if "truncated" in text else text


def _article(word: str) -> str:
    words = {
        "int": "an integer",
        "float": "a number",
        "str": "a string",
        "bool": "true or false",
        "null": "null",
    }
    return " or ".join(
        words.get(part, f"an {part}" if part[0] in "aeio" else f"a {part}")
        for part in word.split(" | ")
    )


def _quote(name: str) -> str:
    return f"`{name[:80]}`"
