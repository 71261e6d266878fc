"""Embeds and chat lines."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import discord

from core.kit.discord.leaderboard import rank_mark
from core.kit.discord.ui import ago, card, lines, safe, status_card
from core.kit.text.words import _, gain_and_loss, ngettext, plural
from core.outbox.discord_transport import Rendered
from core.people.records import Viewer
from core.points.records import Entry, PlayLimit
from core.points.rules import PointsSettings

if TYPE_CHECKING:
    from core.points.imports import Preview


def format_points(currency: Mapping[str, Any], points: int) -> str:
    """Such as `🪙 1,200 points`, with the server's own names."""
    name = currency["one"] if points == 1 else currency["plural"]
    return f"{currency['symbol']} {points:,} {name}".strip()


def account_label(account: str) -> str:
    """The name of a house account."""
    known = {
        "watchtime": _("Watching"),
        "subscription": _("Subscriptions"),
        "gifted_sub": _("Gifted subs"),
        "kicks": _("Kicks"),
        "bits": _("Bits"),
        "raid": _("Raids"),
        "manual": _("Changed by an admin"),
        "gift": _("Gifts between viewers"),
        "season": _("End of a season"),
        "forgotten": _("Data deleted"),
        "import:streamelements": _("Imported from StreamElements"),
        "import:list": _("Imported from a list"),
    }
    name = account.removeprefix("shop:").replace("_", " ").replace(".", ": ")
    return known.get(account, name.capitalize())


def bucket_label(bucket: str) -> str:
    """The name of a bucket."""
    return {
        "earned": _("earned"),
        "won": _("won in games or imported"),
        "paid": _("from Kicks or bits"),
    }[bucket]


# -- chat -----------------------------------------------------------------------------------------


def balance_line(payload: Mapping[str, Any]) -> str:
    text, rank = format_points(payload, payload["points"]), payload["rank"]
    place = _(" (#{rank})").format(rank=rank) if rank else ""
    if payload["name"]:
        return _("{name} has {points}{place}.").format(
            name=payload["name"], points=text, place=place
        )
    return _("You have {points}{place}.").format(points=text, place=place)


def given_line(payload: Mapping[str, Any]) -> str:
    return _("{viewer} gave {points} to {name}.").format(
        viewer=payload["viewer"],
        points=format_points(payload, payload["points"]),
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
        return _("Nothing is on sale for {plural} right now.").format(plural=payload["plural"])
    return _("You can buy with {plural}: {offers}.").format(
        plural=payload["plural"], offers=", ".join(payload["lines"])
    )


def bought_line(payload: Mapping[str, Any]) -> str:
    return _("You bought {what} for {points}.").format(
        what=payload["what"], points=format_points(payload, payload["points"])
    )


def returned_line(payload: Mapping[str, Any]) -> str:
    return _("{reason} You got {points} back.").format(
        reason=payload["what"], points=format_points(payload, payload["points"])
    )


def limit_line(payload: Mapping[str, Any]) -> str:
    """A viewer's own limits."""
    limit = payload["limit"]
    line = (
        _("You have no daily limit.")
        if limit is None
        else _("Your daily limit is {limit}; {lost} lost today.").format(
            limit=f"{limit:,}", lost=f"{payload['lost']:,}"
        )
    )
    if payload["changes"]:
        new = _("none") if payload["next_limit"] is None else f"{payload['next_limit']:,}"
        line += " " + _("From tomorrow: {limit}").format(limit=new)
    if payload["until"]:
        until = datetime.fromisoformat(payload["until"])
        line += " " + _("You're on a break from games until {when}.").format(
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
        _("Link it with `/link` to see your points here."),
    )


def balance(
    viewer: Viewer, settings: PointsSettings, buckets: Mapping[str, int], rank: int | None
) -> discord.Embed:
    """A viewer's balance."""
    points = sum(buckets.values())
    title = f"{format_points(settings.currency, points)}"
    rows = [f"**{safe(viewer.name)}**" + (f" · {rank_mark(rank)}" if rank else "")]
    if points and set(buckets) != {"earned"}:
        rows += [f"-# {bucket_label(bucket)}: {amount:,}" for bucket, amount in buckets.items()]
    return card(title, "\n".join(rows), tone="kick")


def why(
    viewer: Viewer, totals: Mapping[str, int], entries: Sequence[Entry], count: int
) -> discord.Embed:
    """Sources of the points, and the newest entries."""
    rows = [f"{account_label(account)}: **{points:+,}**" for account, points in totals.items()]
    rows += ["", f"**{_('Latest')}**"] if entries else [_("Nothing yet.")]
    rows += [entry_row(entry) for entry in entries]
    title = _("Points of {name}").format(name=safe(viewer.name))
    return card(
        "🧾 " + title,
        lines(rows, limit=3900),
        footer=plural("{count} entry", "{count} entries", count),
    )


def entry_row(entry: Entry) -> str:
    note = f" · {safe(entry.reason, 80)}" if entry.reason else ""
    return f"`{entry.amount:+,}` {account_label(entry.account)}{note} · {ago(entry.at)}"


def status(settings: PointsSettings, held: int) -> discord.Embed:
    """The settings of points."""
    title = _("Points are on") if settings.enabled else _("Points are off")
    step = _("Turn them on with `/settings set points.enabled`, or on the dashboard.")
    facts = {_("Viewers hold"): format_points(settings.currency, held)}
    return status_card(title, settings, "" if settings.enabled else step, facts=facts)


def changed(viewer: Viewer, settings: PointsSettings, now: int) -> discord.Embed:
    text = _("{name} now has {points}.").format(
        name=f"**{safe(viewer.name)}**", points=format_points(settings.currency, now)
    )
    return card("✅ " + _("Points changed"), text, tone="success")


def given(settings: PointsSettings, receiver: str, amount: int, left: int) -> discord.Embed:
    text = _("You gave {points} to {name}. You have {left} left.").format(
        points=format_points(settings.currency, amount), name=safe(receiver), left=f"{left:,}"
    )
    return card("🎁 " + _("Given"), text, tone="success")


def granted(settings: PointsSettings, amount: int, count: int) -> discord.Embed:
    people = plural("{count} viewer", "{count} viewers", count)
    text = _("{people} got {points} each.").format(
        people=people, points=format_points(settings.currency, amount)
    )
    return card("✅ " + _("Points given"), text, tone="success")


def bought(what: str, settings: PointsSettings, points: int) -> discord.Embed:
    text = bought_line(settings.currency | {"what": what, "points": points})
    return card("🛒 " + _("Bought"), text, tone="success")


def offers(settings: PointsSettings, priced: Sequence[tuple[str, str, int]]) -> discord.Embed:
    """The offers: word, name and price."""
    rows = [
        f"`/points buy {word}` · {name} · {format_points(settings.currency, price)}"
        for word, name, price in priced
    ]
    return card("🛒 " + _("Shop"), lines(rows) or _("Nothing is on sale right now."))


def limit(found: PlayLimit | None, lost: int) -> discord.Embed:
    """A viewer's own limits."""
    rows = [_("Lost in games today: {points}").format(points=f"**{max(0, lost):,}**")]
    if found is None or found.daily_loss is None:
        rows.append(_("You have no daily limit. Set one with `/points limit loss 500`."))
    else:
        rows.append(_("Daily limit: {points}").format(points=f"**{found.daily_loss:,}**"))
    if found is not None and found.next_from is not None:
        new = _("none") if found.next_loss is None else f"{found.next_loss:,}"
        rows.append(_("From tomorrow: {limit}").format(limit=new))
    if found is not None and found.break_until is not None:
        rows.append(
            _("You're on a break from games until {when}.").format(when=when(found.break_until))
        )
    else:
        rows.append(_("Take a 7-day break from games with `/points break 7`."))
    return card("🛟 " + _("Your limits"), "\n".join(rows))


def when(instant: datetime) -> str:
    return discord.utils.format_dt(instant, "f")


def economy(
    supply: Mapping[str, int], given: Mapping[str, int], taken: Mapping[str, int], days: int
) -> discord.Embed:
    """The points that viewers hold, and recent gains and losses by source."""
    rows = [_("Viewers hold {points} in total.").format(points=f"**{sum(supply.values()):,}**")]
    rows += [
        f"-# {bucket_label(bucket)}: {points:,}" for bucket, points in supply.items() if points
    ]
    accounts = sorted(given.keys() | taken.keys(), key=lambda key: -given.get(key, 0))
    rows += [
        f"{account_label(account)}: {gain_and_loss(given.get(account, 0), taken.get(account, 0))}"
        for account in accounts
    ]
    title = plural(
        "Points created and spent in {count} day",
        "Points created and spent in {count} days",
        days,
    )
    return card("📈 " + title, lines(rows))


def import_preview(preview: "Preview") -> discord.Embed:
    """The preview or the progress of an import."""
    found, counts = preview.import_, preview.counts
    if found.state != "ready":
        what = {
            "reading": ngettext(
                "{count} account read so far. Press the button again in a moment.",
                "{count} accounts read so far. Press the button again in a moment.",
                found.accounts,
            ),
            "done": _("Import finished."),
            "cancelled": _("Import cancelled."),
            "failed": _("Import failed: {reason}"),
        }[found.state].format(count=f"{found.accounts:,}", reason=safe(found.reason))
        if found.state == "reading" and found.reason:
            what += f"\n-# {safe(found.reason)}"
        return card("📥 " + _("Points import"), what)
    rows = [
        plural("**{count}** account", "**{count}** accounts", counts["accounts"])
        + " · "
        + plural("**{count}** point", "**{count}** points", counts["points"]),
        _("Matched by Twitch id: {by_id}, by name: {by_name}, not found: {unknown}").format(
            by_id=f"{counts['by_id']:,}",
            by_name=f"{counts['by_name']:,}",
            unknown=f"{counts['unknown']:,}",
        ),
        _("{holders} of them already have points here.").format(holders=f"{counts['holders']:,}"),
        _("This adds {gain} and removes {loss}; {same} unchanged.").format(
            gain=f"**{counts['gain']:,}**", loss=f"**{counts['loss']:,}**", same=counts["same"]
        ),
        "",
    ]
    rows += [
        f"{safe(example.name)}: {example.points:,} → `{example.delta:+,}`"
        for example in preview.examples
    ]
    if preview.unknown:
        rows.append(
            _("Not found, skipped: {names}").format(names=safe(", ".join(preview.unknown), 300))
        )
    if counts["unclear"]:
        labels = [
            "/".join(candidate.label for candidate in change.candidates)
            for change in preview.unclear
            if change.viewer_id is None
        ]
        rows.append(
            _("Ambiguous names, skipped until you choose on the dashboard: {names}").format(
                names=safe(", ".join(labels), 300)
            )
        )
    rows.append(
        "-# "
        + _(
            "Nothing is imported twice: earlier imports are subtracted. "
            "`/pointsadmin import` shows the buttons."
        )
    )
    return card("📥 " + _("Import these points?"), lines(rows))


def imported(count: int, total: int) -> discord.Embed:
    """An import was confirmed."""
    return card("✅ " + _("Points imported"), import_summary(count, total), tone="success")


def import_summary(count: int, total: int) -> str:
    """How many balances an import changed, and by how much in total."""
    people = plural("{count} balance changed", "{count} balances changed", count)
    return (
        _("{people}, {points} in total.")
        .format(people=people, points=ngettext("{points} point", "{points} points", abs(total)))
        .format(points=f"{total:+,}")
    )


def import_cancelled() -> discord.Embed:
    return card("✅ " + _("Import cancelled"), _("Nothing changed."), tone="success")


def confirm_season(number: int, held: int, people: int) -> discord.Embed:
    text = _(
        "{people} with {points}: everyone is reset to zero. The leaderboard of season {number} is "
        "kept."
    ).format(
        people=plural("{count} viewer", "{count} viewers", people),
        points=plural("{count} point", "{count} points", held),
        number=number,
    )
    return card("⚠️ " + _("End season {number}?").format(number=number), text, tone="warning")


def season_ended(number: int) -> discord.Embed:
    text = _("Everyone starts from zero.")
    title = _("Season {number} has started").format(number=number)
    return card("🏁 " + title, text, tone="success")
