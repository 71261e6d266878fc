"""Overlays on the dashboard: addresses to copy, previews, and appearance."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Response, abort, current_app, render_template, request

from core.guilds.actions import load_settings
from core.guilds.setting_fields import add_settings, setting_fields
from core.kit.database.work import Work
from core.kit.guild_settings import GuildSetting
from core.kit.runtime.crypto import hash_of, vault_of
from core.kit.text.words import _
from core.kit.web.guild_pages import GuildPages, Page
from core.kit.web.overlays import Overlay
from core.overlays import actions
from core.overlays.records import OverlayKey
from core.overlays.rules import OverlaySettings, css_classes, styled
from core.overlays.show import OverlayPages, title_setting


@dataclass(frozen=True, slots=True)
class Shown:
    """An overlay on the page.

    Attributes:
        address: the URL to paste into OBS; empty if the key cannot be decrypted.
        open: number of open views.
    """

    overlay: Overlay
    record: OverlayKey
    address: str
    open: int


def make_pages(overlays: Sequence[Overlay]) -> GuildPages:
    """The pages of these overlays."""
    pages = GuildPages("overlays", lambda: _("Overlays"), icon="device-tv", order=70)
    by_kind = {overlay.kind: overlay for overlay in overlays}
    declared: list[GuildSetting[str]] = [
        *OverlaySettings.declared.values(),
        *map(title_setting, overlays),
    ]

    @pages.get()
    def show(page: Page) -> str:
        """Every overlay."""
        vault = vault_of(page.services.settings)
        found = page.run(actions.get_addresses, vault, by_kind)
        served: OverlayPages = current_app.extensions["overlays"]
        shown = [
            Shown(
                overlay,
                found[kind].record,
                f"{page.services.settings.public_url}/overlay/{found[kind].key}/{kind}"
                if found[kind].key
                else "",
                served.streams.count(hash_of(found[kind].key)),
            )
            for kind, overlay in by_kind.items()
        ]
        fields = setting_fields(page, declared)
        return page.render("overlays/overlays.html", shown=shown, fields=fields)

    @pages.get("preview/<kind>")
    def preview(page: Page, kind: str) -> Response:
        """An overlay with the choices in the query."""
        overlay = by_kind.get(kind) or abort(404)
        served: OverlayPages = current_app.extensions["overlays"]

        def make(work: Work) -> str:
            style = css_classes(styled(load_settings(work, OverlaySettings), request.args))
            part = served.render(work, overlay, request.args.get(title_setting(overlay).key))
            return render_template("overlays/overlay.html", classes=style, kind=kind, part=part)

        response = Response(page.run(make))
        policy = "default-src 'self'; frame-ancestors 'self'"
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Frame-Options"] = "SAMEORIGIN"
        return response

    @pages.post("<kind>/rotate", shows=show)
    def rotate(page: Page, kind: str) -> Response:
        """Give an overlay a new address."""
        page.run(actions.rotate, vault_of(page.services.settings), kind)
        return page.done(_("The overlay has a new address. Paste it into OBS."), to=show)

    add_settings(pages, declared, shows=show)
    return pages
