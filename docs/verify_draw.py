"""Does a raffle's draw again, from its bundle alone, and says whether all is as promised.

    python3 verify_draw.py bundle.json [--seen HASH ...] [--online]

--seen compares with hashes read in Discord, --online with the beacon itself. Needs Python 3.8
or newer and nothing else. Exit code 0: as promised; 1: something is not; 2: could not look.
"""

import argparse
import hashlib
import hmac
import itertools
import json
import re
import urllib.request
from bisect import bisect_right
from datetime import datetime, timezone
from pathlib import Path

RULE = "4aacd89740630e4f5d11f573fbcd52f43f3ea02c49a98f79598c909df8af19b8"  # SHA-256 of its text
QUICKNET = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"
HEADER = re.compile(
    r"regulars draw 1\nserver [0-9a-f]{16}\nperiod [1-9][0-9]* \S+Z \S+Z\nprize \".*\"\n"
    r"winners (?P<winners>[1-9][0-9]*)\ncommitment (?P<commitment>[0-9a-f]{64})\n"
    r"beacon (none|(?P<chain>[0-9a-f]{64}) (?P<round>[1-9][0-9]*))\n"
    r"total (?P<entrants>[0-9]+) (?P<tickets>[0-9]+)\n"
)


def need(true, complaint):
    if not true:
        raise ValueError(complaint)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def read(raw):
    """The bundle, if it is written in the one way in which a bundle can be written."""
    bundle = json.loads(raw.decode("ascii"))
    again = json.dumps(bundle, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    need(again == raw, "the file was changed, or written by somebody else")
    parts = ["beacon", "format", "picks", "rule", "seed", "snapshot", "snapshot_sha256"]
    need(list(bundle) == parts and bundle["format"] == "regulars draw 1", "this is no bundle")
    need(sha256(bundle["rule"].encode()) == RULE, "it follows another rule")
    return bundle


def read_snapshot(snapshot):
    """What was fixed with the list, and the list."""
    terms = HEADER.match(snapshot)
    need(terms, "the first lines of the list are not as they have to be")
    rows = re.fullmatch("(?:[0-9a-f]{40} [1-9][0-9]*\n)*", snapshot[terms.end() :])
    need(rows, "a line of the list is not as it has to be")
    pool = [(row[:40], int(row[41:])) for row in rows[0].splitlines()]
    need(all(a[0] < b[0] for a, b in zip(pool, pool[1:])), "the list is not in order")
    sums = f"total {len(pool)} {sum(tickets for _, tickets in pool)}\n"
    need(terms[0].endswith(sums), "the sums are wrong")
    return terms, pool


def draw(seed, snapshot_hash, randomness, pool):
    """Everybody in the order in which they are drawn."""
    pool, message = list(pool), bytes.fromhex(snapshot_hash) + randomness
    for k in range(1, len(pool) + 1):
        ends = list(itertools.accumulate(tickets for _, tickets in pool))
        for counter in itertools.count():
            turn = k.to_bytes(4, "big") + counter.to_bytes(4, "big")
            number = int.from_bytes(hmac.new(seed, message + turn, "sha256").digest(), "big")
            if number < 2**256 - 2**256 % ends[-1]:
                break
        yield pool.pop(bisect_right(ends, number % ends[-1]))[0]


def check_pick(pick, k, expected):
    parts = ["account", "k", "pseudonym", "reason", "result", "secret"]
    need(list(pick) == parts and pick["k"] == k, f"number {k} is not as it has to be")
    need(pick["pseudonym"] == expected, f"by the rule, number {k} is {expected}")
    results = ("skipped",) if pick["reason"] else ("won", "waiting", "expired")
    need(pick["result"] in results, f"what became of number {k}?")
    need(pick["reason"] in (None, "banned", "excluded", "unlinked", "won_already"), "why skipped?")
    if pick["account"] is pick["secret"] is None and pick["result"] != "waiting":
        return " (the account is not shown)"
    account = sha256(f"{pick['secret']} {pick['account']}".encode())[:40]
    need(account == expected and not pick["reason"], f"number {k} is another account")
    return f" ({pick['account']})"


def verify(raw, say=str):
    """Check everything; an exception says what is wrong. Returns the bundle and its hashes."""
    bundle = read(raw)
    snapshot = "\n".join(bundle["snapshot"]) + "\n"
    terms, pool = read_snapshot(snapshot)
    say(f"1. The bundle is whole, and follows this rule:\n   {bundle['rule']}")
    snapshot_hash, seed = sha256(snapshot.encode("ascii")), bytes.fromhex(bundle["seed"])
    need(snapshot_hash == bundle["snapshot_sha256"], "the list has another hash")
    say(f"2. {terms['entrants']} entrants, {terms['tickets']} tickets; hash:\n   {snapshot_hash}")
    need((seed.hex(), sha256(seed)) == (bundle["seed"], terms["commitment"]), "the seed is another")
    say(f"3. The seed is the one promised at the opening by\n   {terms['commitment']}")
    randomness, beacon = bytes(32), bundle["beacon"]
    if beacon is None:
        say(f"4. WITHOUT PUBLIC BEACON: the bot's owner could know it (promised: {terms['round']})")
    else:
        promised = {"chain": terms["chain"], "round": int(terms["round"] or 0)}
        randomness = hashlib.sha256(bytes.fromhex(beacon["signature"])).digest()
        signed = {"randomness": randomness.hex(), "signature": beacon["signature"].lower()}
        need(beacon == {**promised, **signed}, "the beacon's number is not the promised one")
        made = datetime.fromtimestamp(1692803364 + 3 * beacon["round"], timezone.utc)
        when = f"made {made}" if beacon["chain"] == QUICKNET else "of ANOTHER BEACON"
        say(f"4. The number is that of the promised round, {beacon['round']}, {when}")
    order = draw(seed, snapshot_hash, randomness, pool)
    alive, wanted, picks = 0, int(terms["winners"]), bundle["picks"]
    for k, (pick, expected) in enumerate(zip(picks, order), 1):
        need(alive < wanted, "more were drawn than can win")
        account = check_pick(pick, k, expected)
        alive += pick["result"] in ("won", "waiting")
        say(f"5. Number {k} is {expected}: {pick['reason'] or pick['result']}{account}")
    left = len(pool) - len(picks)
    need(left == 0 or (left > 0 and alive == wanted), "too few were drawn, or too many")
    return bundle, (snapshot_hash, terms["commitment"])


def main():
    options = argparse.ArgumentParser(description="Does a raffle's draw again.")
    options.add_argument("bundle", type=Path, help="the file from the draw's page")
    options.add_argument("--seen", nargs="+", default=[], help="hashes as posted in Discord")
    options.add_argument("--online", action="store_true", help="ask https://api.drand.sh, too")
    given = options.parse_args()
    try:
        bundle, hashes = verify(given.bundle.read_bytes(), print)
        need(set(given.seen) <= set(hashes), "Discord was told other hashes")
        beacon = bundle["beacon"]
        if not beacon or beacon["chain"] != QUICKNET:
            return print("As promised, but WITHOUT THE PUBLIC BEACON.")
        if given.online:
            address = "https://api.drand.sh/{chain}/public/{round}".format(**beacon)
            said = json.load(urllib.request.urlopen(address, timeout=20))["signature"]
            need(said == beacon["signature"], "the public beacon says another number")
        doubt = "" if given.online else ", if the number is the beacon's (--online asks it)"
        return print(f"All is as promised{doubt}: this draw had to come out like this.")
    except OSError as error:
        return print(f"COULD NOT LOOK: {error}.") or 2
    except Exception as error:
        return print(f"NOT AS PROMISED: {error}.") or 1


if __name__ == "__main__":
    raise SystemExit(main())
