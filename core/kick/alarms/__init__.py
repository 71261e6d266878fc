"""What admins are told without asking: a live channel whose chat does not arrive, and a realtime
feed that shows another channel's chat."""
