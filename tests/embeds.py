"""Rules for every embed, whatever people type."""

import discord

ODD_TEXTS = [
    "😀" * 500,
    "*" * 500,
    "@everyone @here <@123456789012345678> <@&123456789012345678>",
    "**bold** __under__ ~~gone~~ ||spoiler|| `code` ```block```",
    "# heading",
    "> quote",
    "[free money](https://example.com)",
    "\u202eright to left\u202c עברית العربية",
    "line\nline\n\nline",
    "{viewer} {0} %s",
    "\\",
    "x",
]


def text_of(embed: discord.Embed) -> str:
    fields = [f"{field.name} {field.value}" for field in embed.fields]
    return "\n".join([embed.title or "", embed.description or "", *fields, embed.footer.text or ""])


def check_limits(embed: discord.Embed) -> None:
    """https://discord.com/developers/docs/resources/message#embed-object-embed-limits"""
    assert embed.title
    assert len(embed.title) <= 256
    assert len(embed.description or "") <= 4096
    assert all(len(field.value or "") <= 1024 for field in embed.fields)
    assert len(embed) <= 6000


def check_harmless(embed: discord.Embed, text: str) -> None:
    shown = text_of(embed)
    for forbidden in ("@everyone", "<@123456789012345678>", "**bold**", "```block```", "||spoiler"):
        assert forbidden not in shown
    if text.startswith("[free"):
        assert "\\[free money]" in shown
