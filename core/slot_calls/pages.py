"""Dashboard and public pages: queue, history, blocked viewers and settings."""

from collections.abc import Sequence
from typing import Any

from flask import Response, request

from core.bonus_hunt.store import is_in_progress
from core.drand.client import chain_of
from core.guilds.actions import load_settings
from core.guilds.channels import describe_trouble, find_trouble
from core.guilds.records import ChannelTrouble
from core.guilds.setting_fields import add_settings, setting_fields
from core.kit.database.work import Work
from core.kit.text.amounts import show_amount
from core.kit.text.words import _, plural
from core.kit.web.guild_pages import (
    MAX_ACTIVITIES,
    Activity,
    GuildPages,
    Page,
    PublicPage,
    PublicRequest,
    SetupStep,
    Stat,
)
from core.kit.web.overlays import Latest, Overlay
from core.people.exclusions import actions as exclusions
from core.people.exclusions.routes import add_exclusions
from core.people.names import named_only, public_names
from core.slot_calls import actions, messages, panel, picks, store
from core.slot_calls.rules import SlotCallSettings

PAGES = GuildPages("slot_calls", lambda: _("Slot requests"), icon="list-numbers", order=50)

MAX_PUBLIC = 100
"""Requests on the public page."""
OVERLAY_ROWS = 5


@PAGES.get()
def queue(page: Page) -> str:
    return page.render(
        "slot_calls/queue.html",
        calls=page.run(store.list_open),
        status=page.run(actions.get_status),
        has_hunt=page.run(is_in_progress),
        excluded=page.run(exclusions.list_excluded, "slot_calls"),
        fields=setting_fields(page, SlotCallSettings.declared.values()),
    )


@PAGES.post("<int:number>/<any(done, skipped):state>", shows=queue)
def close(page: Page, number: int, state: actions.Closed) -> Response:
    call = page.run(actions.close_call, number, state)
    done = {"done": _("Marked {slot} as played."), "skipped": _("Skipped {slot}.")}[state]
    return page.done(done.format(slot=call.slot), to=queue)


@PAGES.get("history")
def history(page: Page) -> str:
    """Played requests with bets and wins."""
    found = page.run(store.get_history)
    return page.render(
        "slot_calls/history.html", found=found, result=messages.result, show_amount=show_amount
    )


@PAGES.post("<int:number>/result", shows=history)
def record_result(page: Page, number: int) -> Response:
    amounts = (page.form.get(name, "") for name in ("bet", "win"))
    call = page.run(actions.record_result, number, *amounts)
    return page.done(_("Saved the result of {slot}.").format(slot=call.slot), to=history)


@PAGES.post("<int:number>/block", shows=queue)
def block_caller(page: Page, number: int) -> Response:
    name = page.run(actions.block_caller, number)
    return page.done(_("Blocked {name} from requesting slots.").format(name=name), to=queue)


@PAGES.post("<int:number>/ban", shows=queue)
def ban_game(page: Page, number: int) -> Response:
    title = page.run(actions.ban_game, number)
    return page.done(_("Banned {title}.").format(title=title), to=queue)


@PAGES.post("<any(open, close):what>", shows=queue)
def set_closed(page: Page, what: str) -> Response:
    """Open the queue for new requests, or close it."""
    page.run(actions.configure, closed=what == "close")
    done = _("Not taking new requests.") if what == "close" else _("Taking new requests.")
    return page.done(done, to=queue)


@PAGES.post("<int:number>/hunt", shows=queue)
def add_to_hunt(page: Page, number: int) -> Response:
    bonus = page.run(actions.add_to_hunt, number, page.form.get("bet", ""))
    done = _("Added {slot} to the hunt as bonus #{n}.").format(slot=bonus.slot, n=bonus.position)
    return page.done(done, to=queue)


@PAGES.post("pick/<any(random, oldest):how>", shows=queue)
def pick(page: Page, how: str) -> Response:
    if how == "oldest":
        call = page.run(picks.pick_first)
        return page.done(_("Next up: {slot}").format(slot=call.slot), to=queue)
    page.run(picks.start_random_pick, chain_of(page.services.settings))
    return page.done(_("The result follows in a few seconds."), to=queue)


@PAGES.post("clear", shows=queue)
def clear(page: Page) -> Response:
    skipped = page.run(actions.clear_queue)
    return page.done(plural("{count} request skipped.", "{count} requests skipped.", skipped))


add_settings(PAGES, SlotCallSettings.declared.values(), shows=queue)
add_exclusions(PAGES, "slot_calls", shows=queue)


def stats(work: Work) -> list[Stat]:
    waiting = work.count(store.IS_OPEN)
    return [Stat(_("Requests in the queue"), f"{waiting:,}", pages="slot_calls", icon=PAGES.icon)]


def activity(page: Page) -> list[Activity]:
    url, says = page.url_of(PAGES, queue), _("{viewer} requested {slot}.")
    return [
        Activity(
            call.called_at, says.format(viewer=call.viewer_name, slot=call.slot), PAGES.icon, url
        )
        for call in page.run(store.list_newest, MAX_ACTIVITIES)
    ]


def setup(page: Page) -> list[SetupStep]:
    def load(work: Work) -> tuple[SlotCallSettings, ChannelTrouble | None, Sequence[str]]:
        settings = load_settings(work, SlotCallSettings)
        return settings, find_trouble(work, settings.channel), store.get_names(work)

    settings, trouble, names = page.run(load)
    if not settings.channel:
        text = _("Requests from the stream's chat will appear there.")
    else:
        text = describe_trouble(trouble) if trouble else messages.how_to_call(settings, names)
    return [
        SetupStep(
            _("Choose a channel for slot requests"),
            is_done=bool(settings.channel) and trouble is None,
            text=text,
            url=page.url_of(PAGES, queue) + "#settings",
            button=_("Slot requests"),
            order=60,
        )
    ]


def _public(public: PublicRequest) -> str | Response:
    if proof := request.args.get("proof", type=int):
        name = f"pick-{proof}.json"
        return Response(
            public.run(picks.make_proof, proof),
            content_type="application/json",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )
    calls, names = public.run(store.list_open), public.run(store.get_names)
    shown = calls[:MAX_PUBLIC]
    return public.render(
        "slot_calls/public.html",
        calls=shown,
        names=public.run(public_names, [call.viewer_id for call in shown]),
        waiting=len(calls),
        command=names[0],
        picked=(picked := public.run(picks.list_finished)),
        is_public=all(map(picks.is_public, picked)),
    )


def _overlay_data(work: Work) -> dict[str, Any]:
    calls = work.scalars(store.QUEUE.limit(OVERLAY_ROWS)).all()
    waiting = work.count(store.IS_OPEN)
    state = panel.state_of(load_settings(work, SlotCallSettings))
    command = store.get_names(work)[0]
    names = public_names(work, [call.viewer_id for call in calls])
    found = {"calls": calls, "names": names, "waiting": waiting}
    return found | {"state": state, "command": command}


OVERLAY = Overlay(
    "requests",
    lambda: _("Slot requests"),
    PAGES.icon,
    "slot_calls/overlay.html",
    data=_overlay_data,
    follows=("slot_calls", "guilds"),
)


def latest(work: Work) -> list[Latest]:
    calls, names = named_only(work, store.list_newest(work, OVERLAY_ROWS))
    return [
        Latest(call.called_at, names[call.viewer_id], _("requested {slot}").format(slot=call.slot))
        for call in calls
    ]


PUBLIC = PublicPage(
    "queue",
    lambda: _("Slot requests"),
    PAGES.icon,
    SlotCallSettings.declared["public_queue"],
    _public,
    order=15,
)
