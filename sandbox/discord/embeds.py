"""The limits of embeds: https://discord.com/developers/docs/resources/message#embed-object-embed-limits."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from sandbox.discord.errors import FormErrors, Json

MAX_EMBEDS = 10
MAX_FIELDS = 25
MAX_TOTAL_CHARACTERS = 6_000
_TEXT_LIMITS = {"title": 256, "description": 4_096}
_MEDIA = ("image", "thumbnail", "video")
_SCHEMES = ("http", "https", "attachment")


def check(embeds: object, errors: FormErrors) -> list[Json]:
    """The embeds as Discord stores them; errors go to `errors`."""
    if embeds is None:
        return []
    if not isinstance(embeds, list) or not all(isinstance(embed, dict) for embed in embeds):
        errors.add(["embeds"], "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
        return []
    if len(embeds) > MAX_EMBEDS:
        errors.too_long(["embeds"], MAX_EMBEDS)
    for index, embed in enumerate(embeds):
        _check_one(embed, ["embeds", index], errors)
    if sum(_length(embed) for embed in embeds) > MAX_TOTAL_CHARACTERS:
        errors.add(
            ["embeds"],
            "MAX_EMBED_SIZE_EXCEEDED",
            f"Embed size exceeds maximum size of {MAX_TOTAL_CHARACTERS}",
        )
    return [_kept(embed) for embed in embeds]


def _check_one(embed: Json, path: list[str | int], errors: FormErrors) -> None:
    for key, limit in _TEXT_LIMITS.items():
        errors.check_length(embed.get(key), limit, [*path, key])
    errors.check_length(_text(embed, "footer", "text"), 2_048, [*path, "footer", "text"])
    errors.check_length(_text(embed, "author", "name"), 256, [*path, "author", "name"])
    _check_fields(embed.get("fields") or [], [*path, "fields"], errors)
    _check_url(embed.get("url"), [*path, "url"], errors)
    _check_url(_text(embed, "author", "icon_url"), [*path, "author", "icon_url"], errors)
    _check_url(_text(embed, "footer", "icon_url"), [*path, "footer", "icon_url"], errors)
    for key in _MEDIA:
        _check_url(_text(embed, key, "url"), [*path, key, "url"], errors)
    color = embed.get("color")
    if color is not None and not 0 <= int(color) <= 0xFFFFFF:
        message = "int value should be less than or equal to 16777215."
        errors.add([*path, "color"], "NUMBER_TYPE_MAX", message)


def _check_fields(fields: list[Json], path: list[str | int], errors: FormErrors) -> None:
    if len(fields) > MAX_FIELDS:
        errors.too_long(path, MAX_FIELDS)
    for index, field in enumerate(fields):
        for key, limit in (("name", 256), ("value", 1_024)):
            if not str(field.get(key) or "").strip():
                errors.required([*path, index, key])
            errors.check_length(field.get(key), limit, [*path, index, key])


def _check_url(url: Any, path: list[str | int], errors: FormErrors) -> None:
    if not url:
        return
    parts = urlsplit(str(url))
    if parts.scheme not in _SCHEMES:
        message = (
            f"Scheme \"{parts.scheme}\" is not supported. Scheme must be one of ('http', 'https')."
        )
        errors.add(path, "URL_TYPE_INVALID_SCHEME", message)
    elif not parts.netloc:
        errors.add(path, "URL_TYPE_INVALID_URL", "Not a well formed URL.")


def _text(embed: Json, outer: str, inner: str) -> Any:
    return (embed.get(outer) or {}).get(inner)


def _length(embed: Json) -> int:
    """The length that counts towards the 6000 characters."""
    texts = [embed.get("title"), embed.get("description")]
    texts += [_text(embed, "footer", "text"), _text(embed, "author", "name")]
    for field in embed.get("fields") or []:
        texts += [field.get("name"), field.get("value")]
    return sum(len(str(text).strip()) for text in texts if text)


def _kept(embed: Json) -> Json:
    """Discord adds the type, drops nulls and zero flags, and fills in media proxies."""
    kept = {key: value for key, value in embed.items() if value is not None and key != "flags"}
    kept["type"] = "rich"
    for key in _MEDIA:
        if key in kept:
            kept[key] = {"proxy_url": kept[key]["url"], **kept[key]}
    if "fields" in kept:
        kept["fields"] = [{"inline": False, **field} for field in kept["fields"]]
    return kept


def is_empty(embed: Json) -> bool:
    """An embed without visible content does not make a message non-empty."""
    return not any(value for key, value in embed.items() if key not in {"type", "color", "flags"})
