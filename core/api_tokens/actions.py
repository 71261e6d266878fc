"""Create, find and revoke API tokens. The database holds only a token's hash."""

import secrets
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from core.api_tokens.records import MAX_NAME_CHARACTERS, ApiToken
from core.guilds.actions import audit
from core.kit.database.work import ACROSS_GUILDS, Work, read_records
from core.kit.errors import Refusal
from core.kit.rights import admins_only
from core.kit.runtime.crypto import hash_of
from core.kit.text.words import _
from core.kit.web.api import Scope

PREFIX = "rgl_"
"""Prefix of every token, so that secret scanners can find leaked ones."""

TOKEN_BYTES = 32
MAX_TOKENS = 20
"""Per server."""

USED_EVERY = timedelta(minutes=1)


@admins_only
def create_token(work: Work, name: str, scope: Scope) -> str:
    """Returns the token, which cannot be read again.

    Raises:
        Refusal: the name is taken or too long, or the server has too many tokens.
    """
    name = " ".join(name.split())
    if not 0 < len(name) <= MAX_NAME_CHARACTERS:
        raise Refusal(
            _("A token name must have 1 to {maximum} characters.").format(
                maximum=MAX_NAME_CHARACTERS
            )
        )
    if work.count(ApiToken.name.is_not(None)) >= MAX_TOKENS:
        raise Refusal(
            _("This server already has {maximum} tokens.").format(maximum=MAX_TOKENS),
            _("Revoke one that is no longer used."),
        )
    token = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    values = {
        "name": name,
        "token_hash": hash_of(token),
        "scope": scope,
        "created_by": work.actor,
        "created_at": work.now,
    }
    new = insert(ApiToken).values(values).on_conflict_do_nothing().returning(ApiToken.name)
    if work.execute(new).first() is None:
        raise Refusal(
            _("There is already a token with this name."),
            _("Choose another name, or revoke the old token first."),
        )
    audit(work, "api_tokens.create", name, after=scope)
    return token


@admins_only
def revoke_token(work: Work, name: str) -> None:
    """Revoke a token. Raises Refusal if there is none with this name."""
    same = ApiToken.name == " ".join(name.split())
    found = work.scalar(delete(ApiToken).where(same).returning(ApiToken.name))
    if found is None:
        raise Refusal(_("There is no token with this name."), _("Run `/apitoken` to list them."))
    audit(work, "api_tokens.revoke", found)


def list_tokens(work: Work) -> Sequence[ApiToken]:
    """The server's tokens, the newest first."""
    return work.scalars(select(ApiToken).order_by(ApiToken.created_at.desc(), ApiToken.name)).all()


def find_token(tx: Connection, token: str) -> ApiToken | None:
    """The record of a token, in any server."""
    if not token.startswith(PREFIX):
        return None
    same = select(ApiToken).where(ApiToken.token_hash == hash_of(token))
    return next(iter(read_records(tx, same.execution_options(**ACROSS_GUILDS))), None)


def record_use(work: Work, token: ApiToken) -> None:
    """Store that a token was used now."""
    if token.used_at is None or work.now - token.used_at > USED_EVERY:
        same = update(ApiToken).where(ApiToken.name == token.name)
        work.execute(same.values(used_at=work.now))
