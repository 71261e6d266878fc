"""API tokens on the dashboard."""

from flask import Response

from core.api_tokens import actions
from core.api_tokens.messages import scope_words
from core.kit.text.words import _
from core.kit.web.api import Scope
from core.kit.web.guild_pages import GuildPages, Page

PAGES = GuildPages("api_tokens", lambda: _("API tokens"), icon="key", order=89)


@PAGES.get(rights_of=actions.create_token)
def tokens(page: Page) -> str:
    """Every token, and a form for another one."""
    return _show(page)


def _show(page: Page, new: str = "") -> str:
    found = page.run(actions.list_tokens)
    return page.render(
        "api_tokens/tokens.html",
        tokens=found,
        names=page.member_names({token.created_by for token in found if token.created_by}),
        new=new,
        scopes=[(scope, scope_words(scope)) for scope in _SCOPES],
        scope_words=scope_words,
        address=f"{page.services.settings.public_url}/api/audit-log",
    )


_SCOPES: tuple[Scope, ...] = ("read", "write")


@PAGES.post("create", shows=tokens, rights_of=actions.create_token)
def create(page: Page) -> str:
    """Show the new token, once. There is no redirect, because the token must not be stored."""
    scope: Scope = "write" if page.form.get("scope") == "write" else "read"
    return _show(page, page.run(actions.create_token, page.form.get("name", ""), scope))


@PAGES.post("revoke", shows=tokens, rights_of=actions.revoke_token)
def revoke(page: Page) -> Response:
    """Revoke a token."""
    name = page.form.get("name", "")
    page.run(actions.revoke_token, name)
    return page.done(_("API token {name} revoked.").format(name=name))
