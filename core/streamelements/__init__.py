"""StreamElements: the connected account, points of viewers, and subscribers as it reports them."""

TITLE = "StreamElements"
