"""Shuffle accounts and their wagers on the dashboard."""

from collections.abc import Sequence

from flask import Response

from core.guilds.actions import load_settings
from core.guilds.setting_fields import add_settings, setting_fields
from core.kit.database.work import Work
from core.kit.discord.paginator import nearest_page
from core.kit.seen_roles import obstacle_words
from core.kit.text.words import _
from core.kit.web.guild_pages import GuildPages, Page, PersonCard, SetupStep
from core.wagers import actions, counting, polling
from core.wagers.actions import Candidate
from core.wagers.messages import PAGE, decision_words, money, problem, reason_words
from core.wagers.records import Decision
from core.wagers.rules import SHUFFLE, TITLES, WagerSettings

PAGES = GuildPages("wagers", lambda: _("Wagers"), icon="dice-5", order=35)


@PAGES.get()
def accounts(page: Page) -> str:
    """Every linked account, held amounts, and whether the platform responds."""
    found = page.run(polling.get_status, SHUFFLE)
    ordered = sorted(found.accounts, key=lambda account: account.verified_at is not None)
    number, pages = nearest_page(page.number("page"), len(ordered), PAGE)
    shown = ordered[(number - 1) * PAGE : number * PAGE]
    platform = polling.get_platform(page.services.settings, SHUFFLE)
    return page.render(
        "wagers/accounts.html",
        found=found,
        shown=shown,
        counted=page.run(actions.list_counted, [account.account_id for account in shown]),
        number=number,
        pages=pages,
        problem=problem(found, platform.is_set_up),
        money=money,
        decision_words=decision_words,
        reason_words=reason_words,
        fields=setting_fields(page, WagerSettings.declared.values()),
    )


@PAGES.post("<int:account_id>/verify", shows=accounts)
def verify(page: Page, account_id: int) -> Response:
    return _verify(page, page.run(actions.get_claim, account_id))


@PAGES.post("verify", shows=accounts)
def verify_person(page: Page) -> Response:
    """Verify an account for a person, even if they have not linked it."""
    person, username = page.form.get("person", ""), page.form.get("username", "").strip()
    return _verify(page, page.run(actions.get_candidate, person, SHUFFLE, username or None))


def _verify(page: Page, candidate: Candidate) -> Response:
    platform = polling.require_platform(page.services.settings, candidate.platform)
    roles = [(role.id, role.name) for role in page.guild.roles]
    role_id = page.run(actions.choose_role, roles)
    standings = polling.ask(page.services, platform)
    done = page.run(actions.verify, candidate, standings)
    obstacle = page.find_role(role_id).obstacle if role_id else None
    trouble = [f"{dict(roles)[role_id]}:", *obstacle_words(obstacle)] if obstacle else []
    said = [_("Verified {name}.").format(name=done.account.username), *trouble]
    return page.done(" ".join(said), to=accounts)


@PAGES.post("<int:account_id>/unlink", shows=accounts)
def unlink(page: Page, account_id: int) -> Response:
    """Unlink an account, or decline an unverified one. Counted wagers stay."""
    account = page.run(actions.unlink_account, account_id)
    return page.done(_("Unlinked {name}.").format(name=account.username), to=accounts)


@PAGES.post("held/<int:number>/<any(release, dismissal):decision>", shows=accounts)
def decide(page: Page, number: int, decision: Decision) -> Response:
    amount = page.run(counting.decide, number, decision)
    words = {"release": _("Counted {amount}."), "dismissal": _("Dismissed {amount}.")}
    return page.done(words[decision].format(amount=money(amount)), to=accounts)


add_settings(PAGES, WagerSettings.declared.values(), shows=accounts)


def setup(page: Page) -> list[SetupStep]:
    code = page.run(load_settings, WagerSettings).code(SHUFFLE)
    platform = polling.get_platform(page.services.settings, SHUFFLE)
    if not platform.is_set_up:
        text = _("The bot's owner has to set SHUFFLE_AFFILIATE_URL first.")
    elif code:
        text = _("Members link their accounts with /linkshuffle; you verify them.")
    else:
        text = _("With your campaign code, wagers of verified members become raffle tickets.")
    return [
        SetupStep(
            _("Enter your Shuffle code"),
            is_done=bool(code) and platform.is_set_up,
            text=text,
            url=page.url_of(PAGES, accounts) + "#settings",
            button=_("Wagers"),
            order=85,
            optional=True,
        )
    ]


def person(work: Work, _discord_id: int | None, viewer_ids: Sequence[int]) -> list[PersonCard]:
    found = actions.list_accounts_of(work, viewer_ids)
    return [
        PersonCard(
            TITLES[account.platform],
            PAGES.icon,
            rows=(
                (_("Account"), account.username),
                (
                    _("State"),
                    _("verified") if account.verified_at else _("waiting for verification"),
                ),
                (_("Counted"), money(counted)),
            ),
            order=40,
        )
        for account, counted in found
    ]
