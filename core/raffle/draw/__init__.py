"""Drawing a raffle's winners with `core.draws`, and handing over their prizes."""
