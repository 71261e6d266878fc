"""What people read about points, in Discord and in chat."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import discord

from core.kit.discord_ui import ago, card, lines, safe, status_card
from core.kit.leaderboard import rank_mark
from core.kit.words import _, plural
from core.outbox.discord_transport import Rendered
from core.people.records import Viewer
from core.points.records import Entry, PlayLimit
from core.points.rules import PointsSettings

if TYPE_CHECKING:
    from core.points.imports import Preview


def points_words(currency: Mapping[str, Any], points: int) -> str:
    """`🪙 1,200 points`, in the server's own words."""
    name = currency["one"] if points == 1 else currency["plural"]
    return f"{currency['symbol']} {points:,} {name}".strip()


def account_words(account: str) -> str:
    """What a house account gives points for, or takes them for."""
    known = {
        "watchtime": _("Watching"),
        "subscription": _("Subscriptions"),
        "gifted_sub": _("Gifted subs"),
        "kicks": _("Kicks"),
        "bits": _("Bits"),
        "raid": _("Raids"),
        "manual": _("Given or taken by an admin"),
        "gift": _("Gifts between viewers"),
        "season": _("End of a season"),
        "import:streamelements": _("Imported from StreamElements"),
        "import:list": _("Imported from a list"),
    }
    name = account.removeprefix("shop:").replace("_", " ").replace(".", ": ")
    return known.get(account, name.capitalize())


def bucket_words(bucket: str) -> str:
    """Where points come from, as far as it decides what they buy."""
    return {
        "earned": _("earned"),
        "won": _("won in games or imported"),
        "paid": _("from Kicks or bits"),
    }[bucket]


# -- chat -----------------------------------------------------------------------------------------


def balance_line(payload: Mapping[str, Any]) -> str:
    words, rank = points_words(payload, payload["points"]), payload["rank"]
    place = _(" (#{rank})").format(rank=rank) if rank else ""
    if payload["name"]:
        return _("{name} has {points}{place}.").format(
            name=payload["name"], points=words, place=place
        )
    return _("You have {points}{place}.").format(points=words, place=place)


def given_line(payload: Mapping[str, Any]) -> str:
    return _("{viewer} gave {points} to {name}.").format(
        viewer=payload["viewer"],
        points=points_words(payload, payload["points"]),
        name=payload["name"],
    )


def board_line(payload: Mapping[str, Any]) -> str:
    if not payload["names"]:
        return _("Nobody has {plural} yet.").format(plural=payload["plural"])
    ranked = enumerate(zip(payload["names"], payload["points"], strict=True), 1)
    rows = [f"{number}. {name} {points:,}" for number, (name, points) in ranked]
    return f"{payload['symbol']} " + " · ".join(rows)


def refused_line(payload: Mapping[str, Any]) -> str:
    return str(payload["what"])


def offers_line(payload: Mapping[str, Any]) -> str:
    if not payload["lines"]:
        return _("Nothing can be bought with {plural} right now.").format(plural=payload["plural"])
    return _("You can buy with {plural}: {offers}.").format(
        plural=payload["plural"], offers=", ".join(payload["lines"])
    )


def bought_line(payload: Mapping[str, Any]) -> str:
    return _("You bought {what} for {points}.").format(
        what=payload["what"], points=points_words(payload, payload["points"])
    )


def returned_line(payload: Mapping[str, Any]) -> str:
    return _("{reason} You got {points} back.").format(
        reason=payload["what"], points=points_words(payload, payload["points"])
    )


def limit_line(payload: Mapping[str, Any]) -> str:
    """What a viewer has set for themselves."""
    limit = payload["limit"]
    line = (
        _("You have set no daily limit.")
        if limit is None
        else _("You may lose {limit} a day; {lost} today.").format(
            limit=f"{limit:,}", lost=f"{payload['lost']:,}"
        )
    )
    if payload["changes"]:
        new = _("none") if payload["next_limit"] is None else f"{payload['next_limit']:,}"
        line += " " + _("From tomorrow: {limit}").format(limit=new)
    if payload["until"]:
        until = datetime.fromisoformat(payload["until"])
        line += " " + _("You take part in no games until {when}.").format(
            when=f"{until:%Y-%m-%d %H:%M} UTC"
        )
    return line


# -- Discord --------------------------------------------------------------------------------------


def refunded(payload: Mapping[str, Any]) -> Rendered:
    """A purchase was refused."""
    text = safe(returned_line(payload))
    return Rendered(card("↩️ " + _("Your purchase was not delivered"), text))


def not_linked() -> discord.Embed:
    return card(
        "🔗 " + _("Your account is not linked yet"),
        _("Link it with `/link`, then you see your points here."),
    )


def balance(
    viewer: Viewer, settings: PointsSettings, buckets: Mapping[str, int], rank: int | None
) -> discord.Embed:
    """What somebody has."""
    points = sum(buckets.values())
    title = f"{points_words(settings.currency, points)}"
    rows = [f"**{safe(viewer.name)}**" + (f" · {rank_mark(rank)}" if rank else "")]
    if points and set(buckets) != {"earned"}:
        rows += [f"-# {bucket_words(one)}: {amount:,}" for one, amount in buckets.items()]
    return card(title, "\n".join(rows), tone="kick")


def why(
    viewer: Viewer, totals: Mapping[str, int], entries: Sequence[Entry], count: int
) -> discord.Embed:
    """What the points come from, and the newest entries."""
    rows = [f"{account_words(one)}: **{points:+,}**" for one, points in totals.items()]
    rows += ["", f"**{_('Latest')}**"] if entries else [_("Nothing yet.")]
    rows += [entry_row(one) for one in entries]
    title = _("Points of {name}").format(name=viewer.name)
    return card(
        "🧾 " + title,
        lines(rows, limit=3900),
        footer=plural("{count} entry", "{count} entries", count),
    )


def entry_row(entry: Entry) -> str:
    note = f" · {safe(entry.reason, 80)}" if entry.reason else ""
    return f"`{entry.amount:+,}` {account_words(entry.account)}{note} · {ago(entry.at)}"


def status(settings: PointsSettings, held: int) -> discord.Embed:
    """How points are set up."""
    title = _("Points are on") if settings.enabled else _("Points are off")
    step = _("Turn them on with `/settings set points.enabled`, or on the dashboard.")
    facts = {_("Viewers hold"): points_words(settings.currency, held)}
    return status_card(title, settings, "" if settings.enabled else step, facts=facts)


def changed(viewer: Viewer, settings: PointsSettings, now: int) -> discord.Embed:
    text = _("{name} has {points} now.").format(
        name=f"**{safe(viewer.name)}**", points=points_words(settings.currency, now)
    )
    return card("✅ " + _("Points changed"), text, tone="success")


def given(settings: PointsSettings, receiver: str, amount: int, left: int) -> discord.Embed:
    text = _("You gave {points} to {name} and have {left} left.").format(
        points=points_words(settings.currency, amount), name=safe(receiver), left=f"{left:,}"
    )
    return card("🎁 " + _("Given"), text, tone="success")


def granted(settings: PointsSettings, amount: int, count: int) -> discord.Embed:
    people = plural("{count} viewer", "{count} viewers", count)
    text = _("{people} got {points} each.").format(
        people=people, points=points_words(settings.currency, amount)
    )
    return card("✅ " + _("Points given"), text, tone="success")


def bought(what: str, settings: PointsSettings, points: int) -> discord.Embed:
    text = bought_line(settings.currency | {"what": what, "points": points})
    return card("🛒 " + _("Bought"), text, tone="success")


def offers(settings: PointsSettings, priced: Sequence[tuple[str, str, int]]) -> discord.Embed:
    """What can be bought: word, name and price."""
    rows = [
        f"`/points buy {word}` · {name} · {points_words(settings.currency, price)}"
        for word, name, price in priced
    ]
    return card("🛒 " + _("What you can buy"), lines(rows) or _("Nothing right now."))


def limit(found: PlayLimit | None, lost: int) -> discord.Embed:
    """What somebody has set for themselves."""
    rows = [_("Lost in games today: {points}").format(points=f"**{max(0, lost):,}**")]
    if found is None or found.daily_loss is None:
        rows.append(_("You have set no daily limit. `/points limit loss 500` sets one."))
    else:
        rows.append(_("Daily limit: {points}").format(points=f"**{found.daily_loss:,}**"))
    if found is not None and found.next_from is not None:
        new = _("none") if found.next_loss is None else f"{found.next_loss:,}"
        rows.append(_("From tomorrow: {limit}").format(limit=new))
    if found is not None and found.break_until is not None:
        rows.append(
            _("You take part in no games until {when}.").format(when=when(found.break_until))
        )
    else:
        rows.append(_("`/points break 7` keeps you out of games for 7 days."))
    return card("🛟 " + _("Your limits"), "\n".join(rows))


def when(instant: datetime) -> str:
    return discord.utils.format_dt(instant, "f")


def economy(
    supply: Mapping[str, int], given: Mapping[str, int], taken: Mapping[str, int], days: int
) -> discord.Embed:
    """What exists, and where points came from and went to lately."""
    rows = [_("Viewers hold {points} in all.").format(points=f"**{sum(supply.values()):,}**")]
    rows += [
        f"-# {bucket_words(bucket)}: {points:,}" for bucket, points in supply.items() if points
    ]
    accounts = sorted(given.keys() | taken.keys(), key=lambda one: -given.get(one, 0))
    rows += [
        f"{account_words(one)}: +{given.get(one, 0):,} −{taken.get(one, 0):,}" for one in accounts
    ]
    title = _("Points created and destroyed in {days} days").format(days=days)
    return card("📈 " + title, lines(rows))


def import_preview(preview: "Preview") -> discord.Embed:
    """What an import would do, or how far it is."""
    found, counts = preview.import_, preview.counts
    if found.state != "ready":
        what = {
            "reading": _("{count} accounts are read so far. Press the button when it is done."),
            "done": _("The import is done."),
            "cancelled": _("The import was cancelled."),
            "failed": _("Reading failed: {reason}"),
        }[found.state].format(count=f"{found.accounts:,}", reason=safe(found.reason))
        if found.state == "reading" and found.reason:
            what += f"\n-# {safe(found.reason)}"
        return card("📥 " + _("Import of points"), what)
    rows = [
        _("{accounts} accounts hold {points} points there.").format(
            accounts=f"**{counts['accounts']:,}**", points=f"**{counts['points']:,}**"
        ),
        _("Known by Twitch id: {by_id}, by name: {by_name}, unknown: {unknown}").format(
            by_id=f"{counts['by_id']:,}",
            by_name=f"{counts['by_name']:,}",
            unknown=f"{counts['unknown']:,}",
        ),
        _("{holders} of them have points here already.").format(holders=f"{counts['holders']:,}"),
        _("This adds {gain} and takes {loss}; {same} have everything already.").format(
            gain=f"**{counts['gain']:,}**", loss=f"**{counts['loss']:,}**", same=counts["same"]
        ),
        "",
    ]
    rows += [f"{safe(one.name)}: {one.points:,} → `{one.delta:+,}`" for one in preview.examples]
    if preview.unknown:
        rows.append(
            _("Unknown, left out: {names}").format(names=safe(", ".join(preview.unknown), 300))
        )
    rows.append(
        "-# "
        + _(
            "Nothing is imported twice: what was imported before is subtracted. "
            "`/pointsadmin import` shows the buttons."
        )
    )
    return card("📥 " + _("Import these points?"), lines(rows))


def imported(count: int, total: int) -> discord.Embed:
    """Done."""
    return card("✅ " + _("Points imported"), imported_words(count, total), tone="success")


def imported_words(count: int, total: int) -> str:
    """How many balances an import changed, and by how much in all."""
    people = plural("{count} balance has changed", "{count} balances have changed", count)
    return _("{people}, {total} points in all.").format(people=people, total=f"{total:+,}")


def import_cancelled() -> discord.Embed:
    return card("✅ " + _("Import cancelled"), _("Nothing was changed."), tone="success")


def confirm_season(number: int, held: int, people: int) -> discord.Embed:
    text = _(
        "{people} viewers hold {points} points. All of them go back to zero. The leaderboard of "
        "season {number} stays readable."
    ).format(people=f"{people:,}", points=f"{held:,}", number=number)
    return card("⚠️ " + _("End season {number}?").format(number=number), text, tone="warning")


def season_ended(number: int) -> discord.Embed:
    text = _("Everybody begins with nothing again.")
    return card("🏁 " + _("Season {number} has begun").format(number=number), text, tone="success")
