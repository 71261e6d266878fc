"""Downloads and API responses: people named in them can be distinguished by platform."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from flask import url_for
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from core.bonus_hunt import actions as hunts
from core.features import load_features
from core.guilds.actions import change_settings
from core.kit.database.records import ViewerId
from core.people import store as people
from core.points import actions as points
from core.points.rules import PointsSettings
from core.watchtime.records import Total
from tests.dashboard.site import GUILD, Site

NAMING = {"Viewer", "Name", "requested by"}
"""Headings of columns with names of viewers."""

ABOUT_ONE = {"dashboard.points.download"}
"""Files about one person, whose accounts differ in their platform."""


def test_every_file_with_names_has_a_platform(site: Site) -> None:
    with site.services.work_in(GUILD) as work:
        hunts.start(work, "Friday", "100", "EUR", 0)
    with site.services.work_in(GUILD) as work:
        change_settings(work, PointsSettings, enabled=True)
        viewer = people.set_viewer(work.tx, GUILD, "twitch", 7, "MadCats", work.now)
        points.grant_many(work, {viewer: 5}, "add", "quiz", "once")
    nora, headings = site.visitor("nora"), {}
    for rule in site.app.url_map.iter_rules():
        if not rule.rule.endswith("csv"):
            continue
        parts: dict[str, Any] = {"guild_id": GUILD, "viewer_id": viewer, "number": 1}
        with site.app.test_request_context():
            address = url_for(rule.endpoint, **{name: parts[name] for name in rule.arguments})
        answer = nora.get(address)
        assert answer.status_code == 200, address
        rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
        headings[rule.endpoint] = rows[0]
    assert len(headings) >= 7
    for endpoint, titles in headings.items():
        if NAMING & set(titles) or endpoint in ABOUT_ONE:
            assert {"Platform", "platform"} & set(titles), endpoint


def test_two_people_with_one_name_differ_in_the_leaderboard(site: Site) -> None:
    with site.services.work_in(GUILD) as work:
        for hours, (platform, user_id) in enumerate((("kick", 1), ("twitch", 2)), 1):
            viewer = people.set_viewer(work.tx, GUILD, platform, user_id, "MadCats", work.now)
            total = Total(
                viewer_id=ViewerId(viewer), credited=timedelta(hours=hours), adjusted=timedelta()
            )
            work.add(total)
    file = site.visitor("nora").get(f"/g/{GUILD}/watchtime/leaderboard.csv").text
    assert file.splitlines()[1:] == ["1,MadCats,Twitch,7200", "2,MadCats,Kick,3600"]


def test_every_answer_of_the_api_with_a_name_has_a_platform() -> None:
    """A model with a viewer's name says whose it is."""
    answers = [
        model
        for feature in load_features()
        for endpoint in (feature.api.endpoints if feature.api else ())
        if (model := endpoint.answers) is not None
    ]
    named = [part for part in _with_parts(answers) if {"name", "viewer_id"} <= part.keys()]
    assert named, "VIPs are"
    assert all("platform" in name for name in named)


def _with_parts(models: Sequence[type[BaseModel]]) -> list[Mapping[str, Any]]:
    """The fields of these models and of all models in them."""
    _names, found = models_json_schema(
        [(fromkey, "serialization") for fromkey in dict.fromkeys(models)]
    )
    return [definition.get("properties", {}) for definition in found["$defs"].values()]
