"""The OpenAPI document of the HTTP API, generated from the endpoints' declarations."""

from collections.abc import Sequence
from inspect import cleandoc
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from core.kit.web.api import Endpoint
from core.kit.web.app import Problem

_REF = "#/components/schemas/{model}"

_ERRORS = {
    400: "The server is missing, the body is not JSON, or the CSRF token is wrong.",
    401: "No valid token or session.",
    403: "Not allowed with this token or as this member.",
    404: "Not found, or no access to this server.",
    413: "The body is too large.",
    415: "The body is not declared as JSON.",
    422: "A field is not valid, or the request was declined; `detail` has the reason.",
    429: "Too many requests; wait for the time in `Retry-After`.",
    500: "A bug on our side; include `code` when you report it.",
    503: "A required service is not available; try again later.",
}

_BODY_ONLY = (413, 415)


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The OpenAPI document of these endpoints."""
    asked: list[type[BaseModel]] = [endpoint.asks for endpoint in endpoints if endpoint.asks]
    answered: list[type[BaseModel]] = [one.answers for one in endpoints if one.answers]
    inputs = [(fromkey, "validation") for fromkey in dict.fromkeys(asked)]
    outputs = [(one, "serialization") for one in dict.fromkeys((*answered, Problem))]
    names, found = models_json_schema(
        [*inputs, *outputs],  # type: ignore[list-item]
        ref_template=_REF,
    )
    schemas = found.get("$defs", {})
    paths: dict[str, Any] = {}
    for one in endpoints:
        method = paths.setdefault(f"/api{one.path}", {})
        method[one.method.lower()] = _operation(one, names, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Regulars",
            "version": "1",
            "description": "The data of one Discord server. Ids are strings, times RFC 3339.",
        },
        "security": [{"token": []}, {"session": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of one server, from the page API tokens.",
                },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "regulars",
                    "description": "The dashboard's login. Requires `server`; changes also require "
                    "the header `X-CSRFToken`.",
                },
                "secret": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The value of CRON_SECRET in the bot's environment.",
                },
            },
        },
    }


def _operation(one: Endpoint, names: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    summary, _blank, text = cleandoc(one.handler.__doc__ or "").partition("\n")
    server = {
        "name": "server",
        "in": "query",
        "description": "Id of the server. Required with a session, not with a token.",
        "schema": {"type": "string", "pattern": "^[1-9][0-9]{0,18}$"},
    }
    operation: dict[str, Any] = {
        "operationId": one.name,
        "summary": summary.rstrip("."),
        "description": " ".join(text.split()),
        "tags": [one.handler.__module__.split(".")[1]],
        "parameters": [] if one.secret else [server],
        "responses": _responses(one, names),
    }
    if one.secret:
        operation["security"] = [{"secret": []}]
    if one.asks is not None and one.method in ("GET", "DELETE"):
        schema = schemas[names[one.asks, "validation"]["$ref"].rsplit("/", 1)[1]]
        for name, field in schema.get("properties", {}).items():
            is_needed = name in schema.get("required", ())
            operation["parameters"].append(
                {
                    "name": name,
                    "in": "query",
                    "required": is_needed,
                    "description": field.get("description", ""),
                    "schema": _without_null(field),
                }
            )
    elif one.asks is not None:
        content = {"application/json": {"schema": names[one.asks, "validation"]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    """The schema without null, which a query cannot express."""
    kinds = [one for one in field.get("anyOf", ()) if one != {"type": "null"}]
    if len(kinds) != 1:
        return field
    rest = {key: value for key, value in field.items() if key not in ("anyOf", "default")}
    return {**kinds[0], **rest}


def _responses(one: Endpoint, names: Any) -> dict[str, Any]:
    content: dict[str, Any]
    if one.stream:
        content = {"text/event-stream": {"schema": {"type": "string"}}}
    else:
        content = {"application/json": {"schema": names[one.answers, "serialization"]}}
    found: dict[str, Any] = {str(one.status): {"description": "Success.", "content": content}}
    reference = {"schema": names[Problem, "serialization"]}
    for status, text in _ERRORS.items():
        if status in _BODY_ONLY and one.method in ("GET", "DELETE"):
            continue
        found[str(status)] = {
            "description": text,
            "content": {"application/problem+json": reference},
        }
    return found
