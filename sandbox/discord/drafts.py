"""A client's request to create or edit a message, checked against Discord's limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.discord import components as component_rules
from sandbox.discord import embeds as embed_rules
from sandbox.discord.errors import ApiError, FormErrors, Json
from sandbox.discord.models import COMPONENTS_V2

MAX_CONTENT_CHARACTERS = 2_000
MAX_NONCE_CHARACTERS = 25
MAX_FILES = 10


@dataclass(frozen=True)
class Upload:
    """One file of a multipart request; `number` is the n of its field `files[n]`."""

    number: int
    filename: str
    content_type: str
    data: bytes


@dataclass(frozen=True)
class Draft:
    """The validated body. `given` names the keys that were sent: an edit changes only those."""

    given: frozenset[str] = frozenset()
    content: str = ""
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    flags: int = 0
    tts: bool = False
    nonce: str | int | None = None
    enforce_nonce: bool = False
    allowed_mentions: Json | None = None
    reference: Json | None = None
    attachments: list[Json] | None = None
    files: Sequence[Upload] = ()
    username: str | None = None

    @property
    def v2(self) -> bool:
        return bool(self.flags & COMPONENTS_V2)

    def is_empty(self) -> bool:
        visible = [embed for embed in self.embeds if not embed_rules.is_empty(embed)]
        return not (self.content.strip() or visible or self.components or self.files)


def read(body: Json, files: Sequence[Upload] = (), *, flags: int | None = None) -> Draft:
    """The body as a draft; ApiError 50035 with all form errors. `flags` are those of the message
    being edited, whose components may be version 2."""
    errors = FormErrors()
    wanted = int(body.get("flags") or 0) | ((flags or 0) & COMPONENTS_V2)
    v2 = bool(wanted & COMPONENTS_V2)
    draft = Draft(
        given=frozenset(body) | ({"files"} if files else set()),
        content=_content(body.get("content"), errors),
        embeds=embed_rules.check(body.get("embeds"), errors),
        components=component_rules.check(body.get("components"), errors, v2=v2),
        flags=wanted,
        tts=bool(body.get("tts")),
        nonce=_nonce(body.get("nonce"), errors),
        enforce_nonce=bool(body.get("enforce_nonce")),
        allowed_mentions=body.get("allowed_mentions"),
        reference=body.get("message_reference"),
        attachments=body.get("attachments"),
        files=files,
        username=body.get("username"),
    )
    if v2:
        _check_legacy(draft, errors)
    if len(files) > MAX_FILES:
        errors.too_long(["attachments"], MAX_FILES)
    errors.raise_any()
    return draft


def refuse_empty(draft: Draft) -> None:
    if draft.is_empty():
        raise ApiError(400, 50006, "Cannot send an empty message")


def _content(content: Any, errors: FormErrors) -> str:
    text = "" if content is None else str(content)
    if len(text) > MAX_CONTENT_CHARACTERS:
        errors.too_long(["content"], MAX_CONTENT_CHARACTERS)
    return text


def _nonce(nonce: Any, errors: FormErrors) -> str | int | None:
    if nonce is None or isinstance(nonce, int):
        return nonce
    if len(str(nonce)) > MAX_NONCE_CHARACTERS:
        errors.too_long(["nonce"], MAX_NONCE_CHARACTERS)
    return str(nonce)


def _check_legacy(draft: Draft, errors: FormErrors) -> None:
    for key, value in (("content", draft.content), ("embeds", draft.embeds)):
        if value:
            code = "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"
            errors.add([key], code, f"The '{key}' field cannot be used with components v2")
