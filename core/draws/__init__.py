"""Verifiable random draws for any feature: pure rules, without tables and without network.

A draw publishes the hash of a secret seed, freezes a list and publishes its hash, and waits for a
round of the public beacon drand that nobody could know when the list was frozen. Seed, list and
round decide in which order entrants are drawn. docs/fairness.md specifies every byte, and
docs/verify_draw.py repeats any draw from its bundle. A feature stores the parts and publishes them:

>>> from datetime import UTC, datetime
>>> from core.draws import picks, secrets, snapshot
>>> from core.drand.chain import QUICKNET, Round

When it opens, it stores both secrets encrypted and publishes the commitment.

>>> seed, salt = secrets.new_secret(), secrets.new_secret()
>>> commitment = secrets.commitment_to(seed)

When it closes, it publishes the list's hash and the round. Chances are in proportion to weights,
such as numbers of tickets.

>>> opened, now = datetime(2023, 9, 15, 9, tzinfo=UTC), datetime(2023, 9, 15, 10, 55, 3, tzinfo=UTC)
>>> number = snapshot.choose_round(QUICKNET, None, now)
>>> terms = snapshot.Terms(
...     server=secrets.server_pseudonym(1001), number=1, starts_at=opened, ends_at=now,
...     prize="The next slot", winners=1, commitment=commitment, announced=None,
...     frozen_at=now, chain=QUICKNET.name, round=number,
... )
>>> frozen = snapshot.freeze(terms, salt, ["kick:11", "kick:12"], [1, 3])
>>> published = snapshot.hash_of(frozen)

Once the beacon has published the round (`core.drand.client` gets it), the feature compares what it
stored with what was published (`core.draws.checks`), draws, and publishes the bundle.

>>> signature = (
...     "b713718a38ae728dfd477991af2822e08d2f305e47718cef9f7848ce4050e7be"
...     "41076862b98fad56e91a6b85b89cd97b"
... )
>>> random = Round.signed(QUICKNET, number, signature)
>>> order = picks.draw_order(
...     seed, published, random.randomness, snapshot.entrants_of(frozen)
... )
>>> winner = {secrets.pseudonym_of(salt, account): account for account in ("kick:11", "kick:12")}[
...     next(order)
... ]
>>> won = picks.Pick.of(salt, 1, winner, secrets.claimant(salt, 4711))
>>> bundle = picks.bundle(frozen, seed, random, [won])
"""
