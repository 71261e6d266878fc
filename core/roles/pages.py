"""Role rewards on the dashboard."""

from collections.abc import Sequence

from flask import Response, abort

from core.guilds.setting_fields import add_settings, setting_fields
from core.kit.database.work import Work
from core.kit.discord.paginator import nearest_page
from core.kit.discord.rest import ListedMember
from core.kit.errors import Refusal
from core.kit.text.words import _, gain_and_loss
from core.kit.web.guild_pages import GuildPages, Page, SetupStep, whole_number
from core.people.store import find_links
from core.roles import actions, messages, reconcile, store
from core.roles.reconcile import Seen
from core.roles.records import RoleReward
from core.roles.rules import Role, RoleSettings

PER_PAGE = 50

PAGES = GuildPages("roles", lambda: _("Role rewards"), icon="award", order=25)


@PAGES.get()
def rewards(page: Page) -> str:
    status = page.run(actions.get_status)
    taken = {str(reward.role_id) for reward in status.rewards}
    return page.render(
        "roles/rewards.html",
        status=status,
        choices=[choice for choice in page.role_choices() if choice[0] not in taken],
        needs=messages.needs,
        obstacle_words=messages.obstacle_words,
        fields=setting_fields(page, RoleSettings.declared.values()),
    )


@PAGES.get("<int:role_id>")
def holders(page: Page, role_id: int) -> str:
    """The members who got a role from the bot, or are about to get or lose it."""

    states = messages.state_words()

    def load(work: Work) -> dict[str, object]:
        reward = work.find(RoleReward, role_id) or abort(404)
        known = [holder for holder in store.list_holders(work, role_id) if holder.state in states]
        number, pages = nearest_page(page.number("page"), len(known), PER_PAGE)
        shown = known[(number - 1) * PER_PAGE : number * PER_PAGE]
        return {
            "reward": reward,
            "holders": shown,
            "total": len(known),
            "viewers": find_links(work, [holder.discord_id for holder in shown]),
            "number": number,
            "pages": pages,
        }

    return page.render("roles/holders.html", **page.run(load), states=states)


@PAGES.get("preview")
def preview(page: Page) -> str:
    page.bot, members = page.discord.bot(page.guild.id), page.discord.members(page.guild.id)
    if page.bot is None or members is None:
        return page.render("roles/preview.html", plan=None)
    seen = _see(page, members, page.run(store.list_role_ids))
    plan = page.run(reconcile.preview, seen)
    steps = [step for step in plan.steps if step.asks]
    number, pages = nearest_page(page.number("page"), len(steps), PER_PAGE)
    shown = steps[(number - 1) * PER_PAGE : number * PER_PAGE]
    return page.render(
        "roles/preview.html",
        plan=plan,
        gain_and_loss=gain_and_loss,
        steps=shown,
        names={member.id: member.name for member in members},
        roles={role_id: role.name for role_id, role in seen.roles.items()},
        viewers=page.run(find_links, [step.discord_id for step in shown]),
        reason_words=messages.reason_words,
        number=number,
        pages=pages,
    )


def _see(page: Page, members: Sequence[ListedMember], role_ids: Sequence[int]) -> Seen:
    """Like `role_sync.see`, by REST."""
    names = {role.id: role.name for role in page.guild.roles}
    seen = {
        role_id: Role(names.get(role_id, ""), page.find_role(role_id).obstacle)
        for role_id in role_ids
    }
    wanted = frozenset(role_ids)
    held = {member.id: member.role_ids & wanted for member in members if not member.is_bot}
    return Seen(seen, held, True)


@PAGES.post("add", shows=rewards)
def add(page: Page) -> Response:
    role_id = page.form.get("role", 0, type=int)
    name = next((role.name for role in page.guild.roles if role.id == role_id), "")
    if page.form.get("for") == "linking":
        page.run(actions.set_linked_role, role_id, name)
    else:
        page.run(actions.add_reward, role_id, name, _minutes(page))
    obstacle = page.find_role(role_id).obstacle
    warning = [] if obstacle is None else messages.obstacle_words(obstacle)
    return page.done(" ".join([_("Added {role} as a reward.").format(role=name), *warning]))


@PAGES.post("<int:role_id>/minutes", shows=rewards)
def set_minutes(page: Page, role_id: int) -> Response:
    reward = page.run(actions.set_minutes, str(role_id), _minutes(page))
    needs = messages.needs(reward.minutes)
    done = _("{role} now requires {time}.").format(role=reward.name, time=needs)
    return page.done(done, to=rewards)


def _minutes(page: Page) -> int:
    minutes = whole_number(page.form, "minutes", _("Minutes"))
    if not 1 <= minutes <= actions.MAX_MINUTES:
        raise Refusal(
            _("Minutes must be between 1 and {maximum}.").format(maximum=f"{actions.MAX_MINUTES:,}")
        )
    return minutes


@PAGES.post("<int:role_id>/<any(on, off):state>", shows=rewards)
def set_state(page: Page, role_id: int, state: str) -> Response:
    reward = page.run(actions.set_state, str(role_id), "on" if state == "on" else "off")
    words = {"on": _("Resumed {role}."), "off": _("Paused {role}.")}
    return page.done(words[state].format(role=reward.name), to=rewards)


@PAGES.post("<int:role_id>/remove", shows=rewards)
def remove(page: Page, role_id: int) -> Response:
    """Stop assigning a role; with `take_back` members lose it."""
    reward = page.run(actions.remove_reward, str(role_id), take_back="take_back" in page.form)
    return page.done(_("Removed the reward {role}.").format(role=reward.name), to=rewards)


@PAGES.post("retry", shows=rewards)
def retry(page: Page) -> Response:
    """Retry everything that Discord refused."""
    page.run(actions.request_retry)
    return page.done(_("Retrying all roles."))


add_settings(PAGES, RoleSettings.declared.values(), shows=rewards, then=actions.request_check)


def setup(page: Page) -> list[SetupStep]:
    found = page.run(store.list_rewards)
    wrong = [reward for reward in found if reward.obstacle]
    if wrong:
        text = f"{wrong[0].name}: " + " ".join(
            messages.obstacle_words(wrong[0].obstacle or "refused")
        )
    elif found:
        text = _("Members get their roles automatically.")
    else:
        text = _("Members with enough watchtime get a role automatically.")
    return [
        SetupStep(
            _("Reward watching with a role"),
            is_done=bool(found) and not wrong,
            text=text,
            url=page.url_of(PAGES, rewards),
            button=_("Role rewards"),
            order=80,
            optional=not wrong,
        )
    ]
