"""The OpenAPI document of the HTTP API, generated from the endpoints' declarations."""

from collections.abc import Sequence
from inspect import cleandoc
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

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
    used: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(Problem, "serialization"): None}
    for endpoint in endpoints:
        if endpoint.asks is not None:
            used[endpoint.asks, "validation"] = None
        if endpoint.answers is not None:
            used[endpoint.answers, "serialization"] = None
    names, found = models_json_schema(list(used), ref_template=_REF)
    schemas = found.get("$defs", {})
    paths: dict[str, Any] = {}
    for endpoint in endpoints:
        methods = paths.setdefault(f"/api{endpoint.path}", {})
        methods[endpoint.method.lower()] = _operation(endpoint, names, schemas)
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


def _operation(endpoint: Endpoint, names: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    summary, _blank, text = cleandoc(endpoint.handler.__doc__ or "").partition("\n")
    server = {
        "name": "server",
        "in": "query",
        "description": "Id of the server. Required with a session, not with a token.",
        "schema": {"type": "string", "pattern": "^[1-9][0-9]{0,18}$"},
    }
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": summary.rstrip("."),
        "description": " ".join(text.split()),
        "tags": [endpoint.handler.__module__.split(".")[1]],
        "parameters": [] if endpoint.secret else [server],
        "responses": _responses(endpoint, names),
    }
    if endpoint.secret:
        operation["security"] = [{"secret": []}]
    if endpoint.asks is not None and endpoint.method in ("GET", "DELETE"):
        schema = schemas[names[endpoint.asks, "validation"]["$ref"].rsplit("/", 1)[1]]
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
    elif endpoint.asks is not None:
        content = {"application/json": {"schema": names[endpoint.asks, "validation"]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    """The schema without null, which a query cannot express."""
    kinds = [kind for kind in field.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return field
    rest = {key: value for key, value in field.items() if key not in ("anyOf", "default")}
    return {**kinds[0], **rest}


def _responses(endpoint: Endpoint, names: Any) -> dict[str, Any]:
    content: dict[str, Any]
    if endpoint.stream:
        content = {"text/event-stream": {"schema": {"type": "string"}}}
    else:
        content = {"application/json": {"schema": names[endpoint.answers, "serialization"]}}
    found: dict[str, Any] = {str(endpoint.status): {"description": "Success.", "content": content}}
    reference = {"schema": names[Problem, "serialization"]}
    for status, text in _ERRORS.items():
        if status in _BODY_ONLY and endpoint.method in ("GET", "DELETE"):
            continue
        found[str(status)] = {
            "description": text,
            "content": {"application/problem+json": reference},
        }
    return found
