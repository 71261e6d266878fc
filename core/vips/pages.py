"""VIPs on the dashboard: the list, rewards, activity, and analytics."""

from collections.abc import Sequence

from flask import Response, request

from core.guilds.setting_fields import add_settings, setting_fields
from core.kit.database.work import Work
from core.kit.text.words import _, plural
from core.kit.web.guild_pages import GuildPages, Page, csv_response, local_time, whole_number
from core.people.names import list_platforms
from core.twitch.accounts.actions import find_account
from core.twitch.accounts.rules import scope_words, without_scope
from core.vips import actions, analytics, lookup, rewards, store
from core.vips.messages import bot_or_streamer, end_reason_text, source_label
from core.vips.records import Act, Activity, ChannelState
from core.vips.rules import RewardForm, VipSettings, parse_minutes, short_duration

PAGES = GuildPages("vips", lambda: _("VIPs"), icon="diamond", order=35, for_streamer=True)

PER_PAGE = 50
MAX_CSV_ROWS = 20_000

NEEDED = ("channel:manage:vips", "channel:manage:redemptions", "moderation:read")
"""Scopes of the streamer's account that this page needs."""

ACTS: tuple[Act, ...] = (
    *("granted", "extended", "ended", "failed", "adopted", "kept", "refunded", "lost"),
)


def _load_banner(work: Work) -> dict[str, object]:
    """The problems that keep VIPs from working."""
    account, state = find_account(work), work.find(ChannelState)
    held = set(account.scopes) if account is not None else set()
    missing = [
        f"{scope_words(scope)} ({without_scope(scope)})" for scope in NEEDED if scope not in held
    ]
    return {
        "is_connected": account is not None and account.state == "connected",
        "missing": missing,
        "trouble": state.trouble if state is not None else "",
    }


def _minutes(page: Page, name: str = "duration") -> int | None:
    typed = page.form.get(name, "").strip()
    return parse_minutes(typed) if typed else None


# -- VIPs -----------------------------------------------------------------------------------------


@PAGES.get()
def vips(page: Page) -> str:
    """Everybody who is VIP, with forms to change that."""

    def load(work: Work) -> dict[str, object]:
        return {
            "live": store.list_live(work),
            "manual": store.list_manual(work),
            "slots": store.count_slots(work),
            "banner": _load_banner(work),
            "now": work.now,
        }

    found = page.run(load)
    fields = setting_fields(page, list(VipSettings.declared.values()))
    return page.render("vips/vips.html", **found, fields=fields, source_label=source_label)


@PAGES.post("give", shows=vips)
def give(page: Page) -> Response:
    """Make somebody VIP."""
    minutes = _minutes(page)
    person = lookup.find_person(page.services, page.guild.id, page.form.get("viewer", ""))
    page.run(actions.give, person, minutes)
    return page.done(_("{name} will be a VIP in a few seconds.").format(name=person.name))


@PAGES.post("extend-all", shows=vips)
def extend_all(page: Page) -> Response:
    """Add time to everybody's VIP."""
    count = page.run(actions.extend_all, parse_minutes(page.form.get("duration", "")))
    return page.done(plural("{count} VIP extended.", "{count} VIPs extended.", count))


@PAGES.post("<int:number>/extend", shows=vips)
def extend(page: Page, number: int) -> Response:
    """Add time to somebody's VIP."""
    page.run(actions.extend, number, _minutes(page))
    return page.done(_("VIP #{number} extended.").format(number=number))


@PAGES.post("<int:number>/revoke", shows=vips)
def revoke(page: Page, number: int) -> Response:
    """Remove somebody's VIP."""
    page.run(actions.revoke, number)
    return page.done(_("VIP #{number} is being removed.").format(number=number))


@PAGES.post("adopt/<int:viewer_id>", shows=vips)
def adopt(page: Page, viewer_id: int) -> Response:
    """Set an end for a VIP who was added on Twitch."""
    page.run(actions.adopt, viewer_id, _minutes(page))
    return page.done(_("End date set."))


# -- rewards --------------------------------------------------------------------------------------


@PAGES.get("rewards")
def reward_list(page: Page) -> str:
    """The channel-point rewards."""

    def load(work: Work) -> dict[str, object]:
        return {"rewards": store.list_rewards(work), "banner": _load_banner(work)}

    return page.render("vips/rewards.html", **page.run(load), new=RewardForm(), duration=_typed)


def _typed(minutes: int) -> str:
    """A duration as `parse_minutes` reads it; empty for the default."""
    if not minutes:
        return ""
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"


def _form(page: Page) -> dict[str, int | str]:
    return {
        "title": page.form.get("title", "").strip(),
        "cost": whole_number(page.form, "cost", _("Cost")),
        "prompt": page.form.get("prompt", "").strip(),
        "colour": page.form.get("colour", "").upper(),
        "minutes": _minutes(page) or 0,
        "max_per_stream": whole_number(page.form, "max_per_stream", _("Limit per stream")),
        "max_per_user": whole_number(page.form, "max_per_user", _("Limit per viewer")),
        "cooldown_seconds": whole_number(page.form, "cooldown_seconds", _("Cooldown")),
    }


@PAGES.post("rewards/create", shows=reward_list)
def create_reward(page: Page) -> Response:
    """Sell VIP for channel points."""
    made = page.run(rewards.create_reward, RewardForm(**_form(page)))  # type: ignore[arg-type]
    return page.done(_("{title} will appear on Twitch in a few seconds.").format(title=made.title))


@PAGES.post("rewards/<int:number>/edit", shows=reward_list)
def edit_reward(page: Page, number: int) -> Response:
    """Change a reward."""
    given = _form(page) if "title" in page.form else {"minutes": _minutes(page) or 0}
    reward = page.run(rewards.change_reward, number, **given)
    return page.done(_("{title} saved.").format(title=reward.title))


@PAGES.post(
    "rewards/<int:number>/<any(pause,resume,delete,again,use,unuse):act>", shows=reward_list
)
def act_on_reward(page: Page, number: int, act: str) -> Response:
    """Handle the buttons of a reward."""
    match act:
        case "pause" | "resume":
            reward = page.run(rewards.pause_reward, number, paused=act == "pause")
        case "use" | "unuse":
            reward = page.run(rewards.use_reward, number, used=act == "use")
        case "again":
            reward = page.run(rewards.recreate_reward, number)
        case _:
            reward = page.run(rewards.delete_reward, number)
    return page.done(_("{title}: done.").format(title=reward.title))


# -- activity -------------------------------------------------------------------------------------


def act_label(act: str) -> str:
    """What an entry of the activity log is about."""
    return {
        "granted": _("granted"),
        "extended": _("extended"),
        "ended": _("ended"),
        "failed": _("failed"),
        "adopted": _("adopted"),
        "kept": _("kept on Twitch"),
        "lost": _("points lost"),
        "refunded": _("refunded"),
        "warned": _("warned"),
    }[act]


def _wanted(page: Page) -> store.ActivityFilter:
    return store.ActivityFilter(
        viewer_id=request.args.get("viewer", None, type=int),
        act=request.args.get("act", ""),
        source=request.args.get("source", ""),
        since=page.day("since"),
        until=page.day("until", after=1),
        before=request.args.get("before", None, type=int),
    )


def _details(entry: Activity, titles: dict[int, str]) -> str:
    """Duration, reason, and of a redemption the reward, its cost and Twitch's id."""
    parts = [
        f"+{short_duration(entry.minutes)}" if entry.minutes else "",
        end_reason_text(entry.reason) if entry.reason else "",
        titles.get(entry.reward, f"#{entry.reward}") if entry.reward else "",
        plural("{count} point", "{count} points", entry.cost) if entry.cost else "",
        entry.redemption_id,
    ]
    return " · ".join(part for part in parts if part)


def _actors(page: Page, entries: Sequence[Activity]) -> list[str]:
    """Who did each of these."""
    members = list(dict.fromkeys(entry.actor for entry in entries if entry.actor))
    names = page.member_names(members[:20])
    return [
        names.get(entry.actor, str(entry.actor))
        if entry.actor
        else bot_or_streamer(entry.by_streamer)
        for entry in entries
    ]


def _load_log(
    work: Work, wanted: store.ActivityFilter, maximum: int
) -> tuple[Sequence[Activity], dict[int, str]]:
    titles = {reward.number: reward.title for reward in store.list_rewards(work)}
    return store.list_activity(work, wanted, maximum), titles


@PAGES.get("activity")
def activity(page: Page) -> str:
    """Who did what, with filters."""
    found, titles = page.run(_load_log, _wanted(page), PER_PAGE + 1)
    entries = found[:PER_PAGE]
    return page.render(
        "vips/activity.html",
        entries=[
            (entry, who, _details(entry, titles))
            for entry, who in zip(entries, _actors(page, entries), strict=True)
        ],
        older=entries[-1].number if len(found) > PER_PAGE else None,
        acts=[(act, act_label(act)) for act in ACTS],
        sources=[(source, source_label(source)) for source in _SOURCES],
        asked=request.args,
        act_label=act_label,
        source_label=source_label,
    )


_SOURCES = ("reward", "manual", "adopted", "subscription", "bits", "raffle", "watchtime", "points")


@PAGES.get("activity.csv")
def download(page: Page) -> Response:
    """The same entries as a file."""
    with page.together():
        entries, titles = page.run(_load_log, _wanted(page), MAX_CSV_ROWS)
        platforms = page.run(list_platforms, [entry.viewer_id for entry in entries])
    rows = [
        (
            local_time(entry.at, page.time_zone),
            act_label(entry.act),
            entry.viewer_name or "",
            platforms.get(entry.viewer_id, ""),
            who,
            source_label(entry.source) if entry.source else "",
            _details(entry, titles),
            local_time(entry.ends_at, page.time_zone) if entry.ends_at else "",
        )
        for entry, who in zip(entries, _actors(page, entries), strict=True)
    ]
    header = (
        *(_("Time"), _("What"), _("Viewer"), _("Platform"), _("By")),
        *(_("Source"), _("Details"), _("Ends")),
    )
    return csv_response("vips", header, rows)


@PAGES.get("analytics")
def figures(page: Page) -> str:
    """VIPs over time, points spent, renewals, and the most used reward."""
    found = page.run(analytics.get_figures)
    return page.render("vips/analytics.html", found=found)


add_settings(PAGES, list(VipSettings.declared.values()), shows=vips)
